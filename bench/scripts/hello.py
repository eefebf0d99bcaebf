def main():
    print("Hello, world")
    return {"hello": "world"}
