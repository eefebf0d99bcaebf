"""A year of a small chain of shops: makes orders, cleans them, and reports on sales, stock and customers."""

import asyncio
import csv
import io
import json
import math
import os
import re
import sqlite3
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache, reduce

import numpy as np
import pandas as pd

SHOPS = ["north", "south", "east", "west"]
PRODUCTS = {"apple": 0.4, "bread": 2.9, "cheese": 7.5, "honey": 5.2, "tea": 4.1}
CODE = re.compile(r"^(?P<shop>[a-z]+)-(?P<day>\d{4}-\d{2}-\d{2})-(?P<number>\d+)$")


class Channel(Enum):
    TILL = "till"
    WEB = "web"

    @classmethod
    def parse(cls, text: str) -> "Channel":
        return cls(text.strip().lower())


@dataclass(order=True)
class Order:
    code: str
    day: date
    product: str
    quantity: int
    channel: Channel = Channel.TILL
    notes: list[str] = field(default_factory=list)

    @property
    def value(self) -> float:
        return round(self.quantity * PRODUCTS[self.product], 2)

    def as_row(self) -> dict[str, object]:
        row = asdict(self)
        row.update(value=self.value, channel=self.channel.value, day=self.day.isoformat())
        return {key: value for key, value in row.items() if key != "notes"}


class OrderError(ValueError):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


def make_orders(seed: int, days: int) -> Iterator[Order]:
    rng = np.random.default_rng(seed)
    start = date(2024, 1, 1)
    names = sorted(PRODUCTS)
    for offset in range(days):
        day = start + timedelta(days=offset)
        for number in range(int(rng.poisson(3)) + 1):
            shop = SHOPS[int(rng.integers(len(SHOPS)))]
            product = names[int(rng.integers(len(names)))]
            quantity = int(rng.geometric(0.35))
            channel = Channel.WEB if rng.random() < 0.3 else Channel.TILL
            yield Order(f"{shop}-{day:%Y-%m-%d}-{number}", day, product, quantity, channel)


@cache
def shop_of(code: str) -> str:
    found = CODE.match(code)
    if found is None:
        raise OrderError(code, "is not an order's code")
    return found["shop"]


def to_frame(orders: list[Order]) -> pd.DataFrame:
    df = pd.DataFrame([order.as_row() for order in orders])
    df["day"] = pd.to_datetime(df["day"])
    df["shop"] = df["code"].map(shop_of)
    df = df.assign(month=df["day"].dt.strftime("%Y-%m"), weekday=df["day"].dt.day_name())
    df.eval("net = value / 1.07", inplace=True)
    low, high = df["value"].quantile([0.0, 0.995])
    return df.query("@low <= value <= @high").reset_index(drop=True)


def by_month(df: pd.DataFrame) -> dict[str, dict[str, float]]:
    table = df.pivot_table(index="month", columns="shop", values="net", aggfunc="sum", fill_value=0.0)
    table["all"] = table.sum(axis=1)
    growth = table["all"].pct_change().fillna(0.0)
    return table.assign(growth=growth).round(2).to_dict(orient="index")


def forecast(df: pd.DataFrame, ahead: int = 7) -> list[float]:
    daily = df.groupby("day")["net"].sum().asfreq("D", fill_value=0.0)
    x = np.arange(len(daily), dtype=float)
    design = np.column_stack([np.ones_like(x), x, np.sin(2 * np.pi * x / 7), np.cos(2 * np.pi * x / 7)])
    weights, *_ = np.linalg.lstsq(design, daily.to_numpy(), rcond=None)
    later = np.arange(len(daily), len(daily) + ahead, dtype=float)
    wave = 2 * np.pi * later / 7
    return [round(float(each), 2) for each in weights @ np.vstack([np.ones(ahead), later, np.sin(wave), np.cos(wave)])]


class Stock:
    """What is left of each product, kept in a database."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("create table stock (product text primary key, left_over integer)")

    def __enter__(self) -> "Stock":
        self.connection.executemany("insert into stock values (?, ?)", [(name, 2000) for name in PRODUCTS])
        return self

    def __exit__(self, *details: object) -> None:
        self.connection.close()

    def take(self, product: str, quantity: int) -> None:
        self.connection.execute(
            "update stock set left_over = max(0, left_over - ?) where product = ?", (quantity, product)
        )

    def levels(self) -> dict[str, int]:
        return dict(self.connection.execute("select product, left_over from stock order by product"))


def stock_levels(orders: list[Order]) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder, Stock(os.path.join(folder, "stock.db")) as stock:
        for order in orders:
            try:
                stock.take(order.product, order.quantity)
            except sqlite3.Error as error:
                order.notes.append(str(error))
        return stock.levels()


def spread(values: list[float]) -> dict[str, float]:
    mean = statistics.fmean(values)
    variance = reduce(lambda total, value: total + (value - mean) ** 2, values, 0.0) / max(1, len(values) - 1)
    return {"mean": round(mean, 3), "deviation": round(math.sqrt(variance), 3), "median": statistics.median(values)}


def as_csv(orders: list[Order]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=["code", "day", "product", "quantity", "channel", "value"])
    writer.writeheader()
    writer.writerows(order.as_row() for order in orders)
    return out.getvalue()


def classify(order: Order) -> str:
    match order:
        case Order(channel=Channel.WEB, quantity=quantity) if quantity > 5:
            return "large, web"
        case Order(channel=Channel.WEB):
            return "web"
        case Order(quantity=1 | 2):
            return "small"
        case _:
            return "till"


async def count_kinds(orders: list[Order]) -> dict[str, int]:
    kinds: dict[str, int] = defaultdict(int)
    lock = asyncio.Lock()

    async def count(part: list[Order]) -> None:
        for order in part:
            async with lock:
                kinds[classify(order)] += 1

    await asyncio.gather(*(count(orders[start::4]) for start in range(4)))
    return dict(sorted(kinds.items()))


def main(seed: int = 7, days: int = 60) -> dict[str, object]:
    orders = sorted(make_orders(seed, days))
    df = to_frame(orders)
    with ThreadPoolExecutor(max_workers=2) as pool:
        levels, text = pool.submit(stock_levels, orders), pool.submit(as_csv, orders)
    print(f"{len(orders)} orders of {days} days, made at {datetime(2024, 12, 31):%d.%m.%Y}")
    return {
        "months": by_month(df),
        "forecast": forecast(df),
        "stock": levels.result(),
        "spread": spread([order.value for order in orders]),
        "csv_lines": text.result().count("\n"),
        "kinds": asyncio.run(count_kinds(orders)),
        "size": len(json.dumps([order.as_row() for order in orders])),
        "weekdays": df.groupby("weekday")["net"].mean().round(2).sort_values(ascending=False).to_dict(),
    }
