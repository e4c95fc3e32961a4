"""Patterns of wrong results, each verified on all probes before it is believed."""
