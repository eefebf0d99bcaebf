import pandas as pd


def main():
    df = pd.DataFrame({"name": ["Ada", "Grace", "Alan"], "score": [92, 88, 75]})
    return {"mean": df["score"].mean(), "passed": df[df["score"] > 80]}
