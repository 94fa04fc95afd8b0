"""Which functions a soak has, what is asked of them, and whom they tell."""

LEASE, RENEW = 3.0, 0.5
MOST_HOPS = 16
# How often each is run again.
RETRIES = {"work": 3, "warned": 1, "first": 2, "second": 2, "loop": 0, "letters": 2}
# How often each is asked for, of a hundred requests.
MIX = {"work": 46, "warned": 12, "first": 18, "letters": 20, "loop": 4}
# The kinds that each function tells of its successes and failures; "" is nobody.
OWED = {
    "work": ("FunctionGraph", "OBS"),
    "warned": ("", "FunctionGraph"),
    "first": ("FunctionGraph", "FunctionGraph"),
    "second": ("FunctionGraph", "FunctionGraph"),
    "loop": ("FunctionGraph", ""),
    "letters": ("SMN", "SMN"),
    "told": ("", ""),
}
