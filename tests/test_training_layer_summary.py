import pytest

from digit_core.training import layer_summary, settings


def test_every_network_has_an_outline():
    assert set(layer_summary.summaries()) == set(settings.ARCHITECTURES)


@pytest.mark.slow
def test_the_summaries_are_those_of_the_networks():
    assert layer_summary.summaries() == layer_summary.measured()


@pytest.mark.slow
def test_the_names_in_settings_are_those_of_what_trains():
    from digit_core.training import training

    assert tuple(training.ARCHITECTURES) == settings.ARCHITECTURES
    assert tuple(training.OPTIMIZERS) == settings.OPTIMIZERS
    assert tuple(training.LOSSES) == settings.LOSSES
    assert tuple(training.PRECISIONS) == settings.PRECISIONS
