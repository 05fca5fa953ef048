"""The record as a file: what is asked for, which columns it has, and how it is written."""
