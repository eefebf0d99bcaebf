-- Posts one body again and again, and checks each answer: `wrk -s post.lua URL -- BODY_FILE EXPECTED_FILE`.
--
-- Made for as many threads as connections. Each thread then has one request under way at a time, whose latency it takes
-- itself: wrk's own figures hold samples that were never measured (its correction for coordinated omission).

local ffi = require("ffi")
ffi.cdef[[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *result);
]]
local CLOCK_MONOTONIC = 1
local moment = ffi.new("moment")

local function now_us()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  -- Globals, for `done` to find.
  latencies = {}
  first_sent = nil
  last_answered = 0
  wrong = 0
  first_wrong = ""
  body = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, read(args[1]))
  expected = read(args[2])
end

function request()
  sent = now_us()
  first_sent = first_sent or sent
  return body
end

function response(status, headers, answer)
  last_answered = now_us()
  latencies[#latencies + 1] = string.format("%.0f", last_answered - sent)
  if status ~= 200 or answer:sub(1, #expected) ~= expected then
    wrong = wrong + 1
    first_wrong = status .. " " .. answer:sub(1, 500):gsub("%s", " ")
  end
end

function done(summary)
  local errors = summary.errors
  for _, thread in ipairs(threads) do
    local latencies = thread:get("latencies")
    if #latencies > 0 then
      print(string.format("busy_us %.0f", thread:get("last_answered") - thread:get("first_sent")))
    end
    print("latencies_us " .. table.concat(latencies, " "))
    print("wrong " .. thread:get("wrong") .. " " .. thread:get("first_wrong"))
  end
  print("socket_errors " .. errors.connect + errors.read + errors.write + errors.timeout)
end
