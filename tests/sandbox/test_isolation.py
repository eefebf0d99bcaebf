"""How refused isolation profiles are named, with their reasons."""

from dataclasses import replace

from sandbox.isolation import IsolationLevel, IsolationProfile, name_refusals

USER = IsolationProfile(IsolationLevel.NAMESPACES, user_namespace=True)
ROOT_ONLY = IsolationProfile(IsolationLevel.NAMESPACES)
SECCOMP = IsolationProfile(IsolationLevel.SECCOMP)


def grouped(profile: IsolationProfile) -> IsolationProfile:
    return replace(profile, cgroups=True)


def test_a_reason_is_named_once_with_every_level_that_it_stops() -> None:
    every = [grouped(USER), USER, grouped(ROOT_ONLY), ROOT_ONLY, grouped(SECCOMP), SECCOMP]
    assert name_refusals(dict.fromkeys(every, "no.")) == ["namespaces and seccomp: no."]


def test_profiles_are_named_apart_if_their_reasons_differ() -> None:
    refusals = {grouped(USER): "no.", USER: "no.", grouped(ROOT_ONLY): "groups.", ROOT_ONLY: "never.", SECCOMP: "no."}
    assert name_refusals(refusals) == [
        "namespaces and seccomp: no.",
        "namespaces without a user namespace, with control groups: groups.",
        "namespaces without a user namespace: never.",
    ]


def test_without_refusals_nothing_is_named() -> None:
    assert name_refusals({}) == []
