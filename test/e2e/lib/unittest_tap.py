"""Runs test modules of unittest and prints TAP."""

import sys
import unittest


class Tap(unittest.TestResult):
    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def say(self, good: bool, test: unittest.TestCase, why: str = "", directive: str = "") -> None:
        self.number += 1
        name = test.shortDescription() or test.id().split(".", 1)[-1]
        print(f"{'' if good else 'not '}ok {self.number} - {name}{directive}")
        for line in why.rstrip().splitlines():
            print(f"# {line}")
        sys.stdout.flush()

    def addSuccess(self, test) -> None:
        super().addSuccess(test)
        self.say(True, test)

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.say(False, test, self._exc_info_to_string(err, test))

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self.say(False, test, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason) -> None:
        super().addSkip(test, reason)
        self.say(True, test, directive=f" # SKIP {reason}")

    def addExpectedFailure(self, test, err) -> None:
        super().addExpectedFailure(test, err)
        self.say(True, test)

    def addUnexpectedSuccess(self, test) -> None:
        super().addUnexpectedSuccess(test)
        self.say(False, test, "it was expected to fail")

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say(False, subtest, self._exc_info_to_string(err, test))


result = Tap()
unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:]).run(result)
print(f"1..{result.number}")
sys.exit(not result.wasSuccessful())
