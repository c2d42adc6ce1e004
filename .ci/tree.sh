#!/usr/bin/env bash
# shellcheck disable=SC2154 # who reads this sets $top
# What .ci/run and .ci/systems share.  $top is the checkout.

copy_tree() { # to: what a clone of this tree would hold, with the changes not yet committed
    mkdir -p "$1"
    if git -C "$top" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git -C "$top" ls-files -z --cached --others --exclude-standard |
            while IFS= read -r -d '' file; do
                ! [ -e "$top/$file" ] || printf '%s\0' "$file"
            done | tar -C "$top" --null -T - -cf - | tar -C "$1" -xf -
    else
        tar -C "$top" --exclude-vcs --exclude-vcs-ignores -cf - . | tar -C "$1" -xf -
    fi
}
