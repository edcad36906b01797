"""A fair share: nobody is served much more than others, whoever came first and whenever."""

import pytest

from phiforge.base.errors import QueueError
from phiforge.runs.store import LocalStore
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Waiting, Where
from phiforge.runs.waiting.policy import Policy, read_policy, write_policy
from phiforge.runs.waiting.share import Served, next_fairly, read_served, value_of, write_served


def ready(*wanted: tuple[str, int], priority: int = 0) -> list[Waiting]:
    """Return entries in order, each of a value of the label and of a number of versions of one task."""
    return [
        Waiting(Entry(priority, place, f"run-{place}", 0, versions, 1, (("exp", value),)), Where.READY)
        for place, (value, versions) in enumerate(wanted)
    ]


def served_in_order(waiting: list[Waiting], served: Served | None = None) -> list[str]:
    served, order = served or Served(), []
    while waiting:
        chosen = next_fairly(waiting, "exp", served)
        served = served.charged(value_of(chosen.entry, "exp"), chosen.entry.size)
        waiting = [each for each in waiting if each is not chosen]
        order.append(value_of(chosen.entry, "exp"))
    return order


def test_values_take_turns():
    # Given many runs of one experiment before some of another, I expect them to take turns while both have some.
    assert served_in_order(ready(*[("a", 10)] * 5, *[("b", 10)] * 2)) == list("ababaaa")


def test_long_runs_count_for_more():
    # Given one whose runs are three times as long, I expect the other to be served three of its own for each.
    assert served_in_order(ready(*[("a", 30)] * 2, *[("b", 10)] * 6)) == list("abbbabbb")


def test_who_comes_anew_neither_waits_for_others_nor_starves_them():
    # Given one that was served much, if another comes, I expect it to be next, and then both to take turns.
    served = Served()
    for _ in range(50):
        served = served.charged("a", 10)
    assert served_in_order(ready(*[("a", 10)] * 3, *[("b", 10)] * 3), served) == list("bababa")


def test_priority_counts_for_more():
    # Given one that was served most, I expect its run of a higher priority to be next all the same.
    urgent = ready(("a", 10), priority=1)
    assert next_fairly(urgent + ready(("b", 10)), "exp", Served().charged("a", 100)) == urgent[0]


def test_what_is_kept_stays_small():
    # Given many values that are served once each, I expect those to be kept alone that are ahead of the others.
    served = Served()
    for number in range(100):
        served = served.charged(f"value-{number}", 1)
    assert len(served.charged("last", 1000).charged("more", 1000).ahead) <= 102
    assert set(served._replace(now=1).charged("last", 1).ahead) == {"last"}


def test_it_is_kept_in_the_store(tmp_path):
    # Given how far values were served, I expect it to be read back, not to count for another label,
    store, served = LocalStore(tmp_path), Served().charged("a", 10).charged("b", 5)
    assert read_served(store, "exp") == Served()
    write_served(store, "exp", served)
    assert read_served(store, "exp") == served
    assert read_served(store, "user") == Served()
    # nor, damaged, to be in the way.
    store.put("queue-settings/served.json", b"{")
    assert read_served(store, "exp") == Served()


def test_a_policy_is_kept_in_the_store(tmp_path):
    store = LocalStore(tmp_path)
    assert read_policy(store) == Policy()
    write_policy(store, Policy(3, "exp"))
    assert read_policy(store) == Policy(3, "exp")
    store.put("queue-settings/policy.json", b'{"at_once": "many"}')
    assert read_policy(store) == Policy()
    with pytest.raises(QueueError, match="0 runs at once; allowed: 1 to 10000, or auto"):
        write_policy(store, Policy(0))
