"""The levels of isolation, and the ways to reach them that this place may allow, strongest first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class IsolationLevel(StrEnum):
    """How a script is kept in; see the README's security model."""

    PROCESS = "process"
    SECCOMP = "seccomp"
    NAMESPACES = "namespaces"

    def at_least(self, other: "IsolationLevel") -> bool:
        """Return whether this level promises all that the other does."""
        order = list(IsolationLevel)
        return order.index(self) >= order.index(other)


# What would mend it where a level cannot be had.
REMEDIES = {
    IsolationLevel.NAMESPACES: (
        "Namespaces need nsjail (`make run` and the image install it) and a place that allows them: Cloud Run's "
        "second-generation environment, `docker run --privileged`, or Linux with unprivileged user namespaces."
    ),
    IsolationLevel.SECCOMP: (
        "The level seccomp needs nsjail (`make run` and the image install it), libseccomp (Debian: libseccomp2) and "
        "Landlock (Linux 5.13 or later)."
    ),
    IsolationLevel.PROCESS: "See the log above this line for what failed.",
}


@dataclass(frozen=True, slots=True)
class IsolationProfile:
    """One way to start a jail.

    Attributes:
        level: its level.
        user_namespace: whether it has a user namespace of its own.
        cgroups: whether control groups bound it as a whole.
    """

    level: IsolationLevel
    user_namespace: bool = False
    cgroups: bool = False

    def __str__(self) -> str:
        """Name it as messages do."""
        lacks_user = self.level is IsolationLevel.NAMESPACES and not self.user_namespace
        name = "namespaces without a user namespace" if lacks_user else self.level.value
        return f"{name}, with control groups" if self.cgroups else name


def profiles(*, root: bool, cgroups: bool) -> tuple[IsolationProfile, ...]:
    """Return what to try, strongest first.

    Args:
        root: whether this is root, who alone can make the other namespaces without a user namespace.
        cgroups: whether control groups can be made.
    """
    jails = [IsolationProfile(IsolationLevel.NAMESPACES, user_namespace=True)]
    if root:
        jails.append(IsolationProfile(IsolationLevel.NAMESPACES))
    jails.append(IsolationProfile(IsolationLevel.SECCOMP))
    found = [
        replace(profile, cgroups=grouped) for profile in jails for grouped in ((True, False) if cgroups else (False,))
    ]
    return (*found, IsolationProfile(IsolationLevel.PROCESS))


def name_refusals(refusals: Mapping[IsolationProfile, str]) -> list[str]:
    """Say why ways that were tried are not used: each reason once, with all that were refused for it.

    A way stands for itself and for the same with control groups, and a level for all of its ways.
    """
    sentences = []
    for reason in dict.fromkeys(refusals.values()):
        refused = [profile for profile in refusals if refusals[profile] == reason]
        others = {profile.level for profile in refusals if refusals[profile] != reason}
        names = [
            str(profile) if profile.level in others else profile.level.value
            for profile in refused
            if not (profile.cgroups and replace(profile, cgroups=False) in refused)
        ]
        sentences.append(f"{' and '.join(dict.fromkeys(names))}: {reason}")
    return sentences


@dataclass(frozen=True, slots=True)
class Health:
    """Whether scripts can be run safely.

    Attributes:
        isolation: the level that the self-test proved; None when scripts cannot be run.
        reason: why they cannot, and what would mend it; empty when they can.
        missing: the layers that this place lacks, a sentence each.
    """

    isolation: IsolationLevel | None
    reason: str = ""
    missing: tuple[str, ...] = ()
