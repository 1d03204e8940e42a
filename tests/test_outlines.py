import pytest

from digit_core import outlines, settings


def test_every_network_has_an_outline():
    assert set(outlines.outlines()) == set(settings.ARCHITECTURES)


@pytest.mark.slow
def test_the_outlines_are_those_of_the_networks():
    assert outlines.outlines() == outlines.measured()


@pytest.mark.slow
def test_the_names_in_settings_are_those_of_what_trains():
    from digit_core import training

    assert tuple(training.ARCHITECTURES) == settings.ARCHITECTURES
    assert tuple(training.OPTIMIZERS) == settings.OPTIMIZERS
    assert tuple(training.LOSSES) == settings.LOSSES
    assert tuple(training.PRECISIONS) == settings.PRECISIONS
