"""The import path of programs written for the first version of the system."""

from people_counter_client import PeopleCounterClient, PeopleCounterIntegration

__all__ = ["PeopleCounterClient", "PeopleCounterIntegration"]
