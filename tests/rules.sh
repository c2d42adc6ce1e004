#!/bin/sh
# Each rule of docs/behaviours.md has a test that bears its number, or a reason why it has none.
# Prints TAP. With --update, rewrites the table's last column from the tests instead; the reasons
# stay.
#
# A test bears the numbers of the comment before it: in C `/* 17 */`, `/* 17, 101 */`, `/* 12 [D]
# why */` or `/* 12: why */` at the line's beginning, then RULE(name); in a shell script `# 17`,
# alone or with what follows it in the same way.
# shellcheck source=tests/tap.sh
. "${top_srcdir-$(dirname "$0")/..}/tests/tap.sh"
page=$top_srcdir/docs/behaviours.md
last=279 # the rules up to here must all be there

# "17 check_task.c name" for each number of each test.
tested() {
    awk '
        FNR == 1 { pending = ""; file = FILENAME; sub(/.*\//, "", file) }
        function numbers(text) { # "17, 101" at the beginning of a text, or ""
            if (!match(text, /^ *[0-9]+(, *[0-9]+)*( *\*\/| *\[D\]|:| *$)/))
                return ""
            text = substr(text, 1, RLENGTH)
            gsub(/[^0-9,]/, "", text)
            return text
        }
        function bear(name,    list, n, i) {
            n = split(pending, list, ",")
            for (i = 1; i <= n; i++)
                print list[i], file, name
            pending = ""
        }
        file ~ /\.c$/ && /^\/\* *[0-9]/ { pending = numbers(substr($0, 3)) }
        file ~ /\.c$/ && /^(RULE|START_TEST)\(/ {
            name = $0
            gsub(/^[A-Z_]*\(|\).*/, "", name)
            bear(name)
        }
        file ~ /\.sh$/ && /^ *# *[0-9]/ {
            sub(/^ *# */, "")
            pending = numbers($0)
            bear("")
        }' "$top_srcdir"/tests/*/check_*.c "$top_srcdir"/tests/*.sh
}

# "17|text|where" for each row.
rows() {
    awk -F ' *[|] *' '/^\| *[0-9]/ { print $2 "|" $3 "|" $4 }' "$page"
}

# The page, with the tests in the last column: two of them, and how many more there are.
updated() {
    tested | awk '
        FILENAME == "-" {
            if (++count[$1] <= 2) {
                part = $2 == file[$1] ? ", " $3 : (where[$1] == "" ? "" : "; ") $2 ($3 ? ": " $3 : "")
                where[$1] = where[$1] part
                file[$1] = $2
            }
            next
        }
        /^\| *[0-9]/ {
            split($0, cell, / *[|] */)
            if (count[cell[2]] > 2)
                where[cell[2]] = where[cell[2]] ", and " count[cell[2]] - 2 " more"
            if (where[cell[2]] == "" && cell[4] !~ /^[a-z_]*\.(c|sh)/)
                where[cell[2]] = cell[4]
            $0 = "| " cell[2] " | " cell[3] " | " where[cell[2]] " |"
            sub(/ \|  \|$/, " | |")
        }
        { print }' - "$page"
}

if [ "${1-}" = --update ]; then
    new=$(updated) && printf '%s\n' "$new" >"$page"
    exit
fi

table=$(rows)
tests=$(tested)
claim "every rule up to $last has its row, once" "$(echo "$table" | awk -F '|' -v last="$last" '
    { rows[$1]++ }
    END {
        for (i = 1; i <= last; i++)
            if (rows[i] != 1)
                print "rule " i ": " rows[i] + 0 " rows"
    }')"
claim "every rule has a test, or a reason why it has none" "$(
    {
        echo "$tests"
        echo "$table"
    } | awk -F '|' '
        NF == 1 { split($0, word, " "); has[word[1]] = 1; next }
        !($1 in has) && ($3 == "" || $3 ~ /^[a-z_]*\.(c|sh)/) { print "rule " $1 ": " $2 }'
)"
claim "every number that a test bears has its row" "$(
    {
        echo "$table"
        echo "$tests"
    } | awk -F '|' '
        NF > 1 { row[$1] = 1; next }
        { split($0, word, " ") }
        $0 != "" && !(word[1] in row) { print }'
)"
claim "every test that the table names is there (tests/rules.sh --update)" "$(
    {
        echo "$tests"
        echo "$table"
    } | awk -F '|' '
        NF == 1 { split($0, word, " "); known[word[2]] = known[word[3]] = 1; next }
        $3 !~ /^[a-z_]*\.(c|sh)/ { next }
        {
            text = $3
            sub(/, and [0-9]* more$/, "", text)
            count = split(text, name, /[:;,] */)
            for (i = 1; i <= count; i++)
                if (!(name[i] in known))
                    print "rule " $1 ": " name[i]
        }'
)"
done_testing
