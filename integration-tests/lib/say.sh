# Words on the terminal. Coloured only on a terminal.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    BOLD='' GREEN='' RED='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }

heading() { printf '\n%s== %s%s\n' "$BOLD" "$1" "$PLAIN"; }

# result ok|FAILED NAME SECONDS
result() {
    local colour=$GREEN
    if [[ $1 != ok ]]; then colour=$RED; fi
    printf '%s%s%s %s (%d s)\n' "$colour" "$1" "$PLAIN" "$2" "$3"
}

# Ends the run: a message that says what to do.
give_up() {
    printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2
    exit 1
}
