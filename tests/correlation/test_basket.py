"""Baskets: who is in, with what weight, and the sums over them."""

import numpy as np
import pytest

from engine.backend import to_host
from engine.correlation import AllMembers, Names, TopWeights, basket_moments, index_share
from engine.errors import InputError

NAMES = np.array(["AAA", "BBB", "CCC", "DDD"])


def test_the_largest_weights_of_each_date_make_the_basket_and_sum_to_one(xp):
    weights = xp.asarray([[0.1, 0.4, 0.3, 0.2], [0.4, 0.0, 0.3, 0.1]])
    basket = to_host(TopWeights(2).select(weights, NAMES))
    # Dividing 0.4 by 0.4 + 0.3 is one rounding of the quotient.
    np.testing.assert_allclose(basket, [[0, 4 / 7, 3 / 7, 0], [4 / 7, 0, 3 / 7, 0]], rtol=1e-15)


def test_the_share_of_the_index_a_basket_holds_is_what_its_weights_were_before_they_summed_to_one(xp):
    weights = xp.asarray([[0.1, 0.25, 0.125, 0.0], [0.0, 0.0, 0.0, 0.0]])
    for basket, share in ((TopWeights(2), 0.375), (AllMembers(), 0.475), (Names(("AAA", "DDD")), 0.1)):
        held = to_host(index_share(basket.select(weights, NAMES), weights))
        assert held.tolist() == pytest.approx([share, 0.0])


def test_of_equal_weights_the_alphabetically_first_is_taken_wherever_it_stands(xp):
    names = np.array(["DDD", "AAA", "CCC", "BBB"])
    basket = to_host(TopWeights(2).select(xp.full((1, 4), 0.25), names))
    assert names[basket[0] > 0].tolist() == ["AAA", "BBB"]


def test_a_basket_larger_than_the_index_is_the_whole_index():
    weights = np.array([[0.1, 0.4, 0.3, 0.0]])
    np.testing.assert_array_equal(TopWeights(50).select(weights, NAMES), AllMembers().select(weights, NAMES))


def test_names_that_are_not_members_never_enter_even_if_fewer_members_than_asked():
    weights = np.array([[0.5, 0.0, 0.0, 0.0]])
    for basket in (TopWeights(3), AllMembers(), Names(("AAA", "CCC"))):
        np.testing.assert_array_equal(basket.select(weights, NAMES), [[1.0, 0.0, 0.0, 0.0]])


@pytest.mark.parametrize("bad", [-0.1, -99.99, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused(bad, xp):
    weights = xp.asarray([[0.5, 0.2, 0.3, bad]])
    for basket in (TopWeights(3), AllMembers(), Names(("AAA", str(NAMES[3])))):
        with pytest.raises(InputError, match="a weight is 0 where a name is not held"):
            basket.select(weights, NAMES)


def test_a_date_without_members_has_an_empty_basket():
    weights = np.zeros((1, 4))
    for basket in (TopWeights(2), AllMembers(), Names(("AAA",))):
        np.testing.assert_array_equal(basket.select(weights, NAMES), weights)


def test_given_names_keep_their_relative_index_weights(xp):
    weights = xp.asarray([[0.1, 0.4, 0.3, 0.2]])
    np.testing.assert_allclose(
        to_host(Names(("DDD", "BBB")).select(weights, NAMES)), [[0, 2 / 3, 0, 1 / 3]], rtol=1e-15
    )


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="basket name AAB is not in the data; did you mean AAA"):
        Names(("AAB",)).select(np.ones((1, 4)), NAMES)


def test_the_basket_of_a_date_does_not_depend_on_the_dates_beside_it():
    weights = np.random.default_rng(1).random((30, 40))
    names = np.array([f"N{n:02d}" for n in range(40)])
    whole = TopWeights(7).select(weights, names)
    for date in range(30):
        np.testing.assert_array_equal(TopWeights(7).select(weights[date : date + 1], names), whole[date : date + 1])


def test_names_of_weight_zero_do_not_change_a_bit_of_the_sums():
    rng = np.random.default_rng(2)
    weights, iv = rng.random((6, 5)), rng.uniform(0.1, 0.6, (6, 5, 2, 3))
    alone = basket_moments(weights, iv)
    for strange in (np.nan, 1e9, np.inf, 0.0):
        wider = np.concatenate([np.full((6, 1, 2, 3), strange), iv, np.full((6, 2, 2, 3), strange)], axis=1)
        beside = basket_moments(np.pad(weights, ((0, 0), (1, 2))), wider)
        for name, values in vars(alone).items():
            np.testing.assert_array_equal(getattr(beside, name), values, err_msg=name)


def test_quotes_on_disk_are_summed_as_those_in_memory(tmp_path):
    rng = np.random.default_rng(3)
    weights, iv = rng.random((4, 6)), rng.uniform(0.1, 0.6, (4, 6, 2)).astype(np.float32)
    iv.tofile(tmp_path / "iv.bin")
    mapped = np.memmap(tmp_path / "iv.bin", dtype=np.float32, mode="r", shape=iv.shape)
    moments = basket_moments(weights, mapped)
    assert type(moments.vol) is np.ndarray
    np.testing.assert_array_equal(moments.vol, basket_moments(weights, iv).vol)
