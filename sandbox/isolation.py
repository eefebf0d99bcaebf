"""The isolation levels, and the profiles by which this host may reach them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class IsolationLevel(StrEnum):
    """How well a script is isolated; see docs/how-it-works.md."""

    PROCESS = "process"
    SECCOMP = "seccomp"
    NAMESPACES = "namespaces"

    def at_least(self, other: "IsolationLevel") -> bool:
        """Return whether this level promises all that the other does."""
        order = list(IsolationLevel)
        return order.index(self) >= order.index(other)


# What an operator can do if a level cannot be reached.
REMEDIES = {
    IsolationLevel.NAMESPACES: (
        "Namespaces need nsjail (`make run` and the image install it; NSJAIL may name another) and a host that allows "
        "them: Cloud Run's second-generation environment, `docker run --privileged`, or Linux with unprivileged user "
        "namespaces."
    ),
    IsolationLevel.SECCOMP: (
        "The level seccomp needs nsjail (`make run` and the image install it), libseccomp (Debian: libseccomp2) and "
        "Landlock (Linux 5.13 or later)."
    ),
    IsolationLevel.PROCESS: "See the log above this line for what failed.",
}


@dataclass(frozen=True, slots=True)
class IsolationProfile:
    """What a jail is isolated by.

    Attributes:
        level: its level.
        user_namespace: whether it has a user namespace of its own.
        cgroups: whether control groups bound it as a whole.
    """

    level: IsolationLevel
    user_namespace: bool = False
    cgroups: bool = False

    def __str__(self) -> str:
        """Return its name for messages."""
        lacks_user = self.level is IsolationLevel.NAMESPACES and not self.user_namespace
        name = "namespaces without a user namespace" if lacks_user else self.level.value
        return f"{name}, with control groups" if self.cgroups else name


def profiles(*, root: bool, cgroups: bool) -> tuple[IsolationProfile, ...]:
    """Return the profiles to try, strongest first.

    Args:
        root: whether the service is root; only root can make the other namespaces without a user namespace.
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
    """Tell why profiles are not used: each reason once, with all the profiles that it refused.

    A profile's name also stands for the same profile with control groups, and a level's name for all of its profiles.
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
        isolation: the level that the self-test proved; None if scripts cannot be run.
        reason: why they cannot, and what mends it; empty if they can.
        missing: the layers that this host lacks, a sentence each.
    """

    isolation: IsolationLevel | None
    reason: str = ""
    missing: tuple[str, ...] = ()
