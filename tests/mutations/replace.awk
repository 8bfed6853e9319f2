# Replaces the one occurrence of $SEARCH, taken literally, by $REPLACEMENT; fails unless it occurs exactly once.
{ text = text $0 "\n" }
END {
    search = ENVIRON["SEARCH"]
    at = index(text, search)
    if (at == 0 || index(substr(text, at + 1), search) != 0) exit 1
    printf "%s", substr(text, 1, at - 1) ENVIRON["REPLACEMENT"] substr(text, at + length(search))
}
