# shellcheck shell=bash
# What the tests of the man pages share: their examples, and what these print.

# examples PAGE: the names of its examples, each a comment before the text.
examples() {
    sed -n 's/^\.\\" example: //p' "$1"
}

# literal PAGE MARK: the text between .Bd and .Ed after the comment that is the mark, as a reader sees it.
literal() {
    awk -v mark=".\\\\\" $2" '
        $0 == mark { marked = 1 }
        marked && /^\.Ed/ { exit }
        inside { print }
        marked && /^\.Bd/ { inside = 1 }' "$1" |
        sed -e 's/^\\&//' -e 's/\\-/-/g' -e 's/\\e/\\/g'
}
