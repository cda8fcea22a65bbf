"""Tests of the tests: the sources are changed by one token at random, and a test has to fail.

    python -m mutants --number 120 --seed 1

What may live here: what changes sources, and what runs tests on them. Nothing of it is installed.

The tool is our own: cosmic-ray and mutmut run all tests for each mutant, or change sources in place, and our tests take
minutes.
"""
