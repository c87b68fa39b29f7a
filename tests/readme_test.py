"""The README's C++ sample is the one that tests/examples/quickstart.cc compiles and runs."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    source = (ROOT / "tests/examples/quickstart.cc").read_text()
    sample = re.search(r"// README: from here\n(.*?)// README: to here\n", source, re.S).group(1)
    blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    if any(block.endswith(sample) for block in blocks):
        print("1 passed, 0 failed")
        return 0
    print("README.md has no ```cpp block that ends with the sample of tests/examples/quickstart.cc")
    return 1


if __name__ == "__main__":
    sys.exit(main())
