#!/usr/bin/env bash
# Post review.md in FOLDER, with the pictures beside it, as the one comment of a pull request:
#
#   .github/post.sh FOLDER TARGET      TARGET is pr/ and the number of the pull request
#
#   CML_ASSET_URL    where pictures are uploaded to; `none` for a comment without pictures
#
# CML's own upload of what a text links to is off: it sends any file of this machine that the text
# names (REPO_TOKEN is in /proc/self/environ), and writes the text anew without its escapes.
set -euo pipefail
folder=$1
target=$2
text=$(<"$folder/review.md")

shopt -s nullglob
for picture in "$folder"/*.png; do
    name=${picture##*/}
    [[ $text == *"]($name)"* ]] || continue
    if [[ ${CML_ASSET_URL:-} != none ]] && address=$(cml asset publish "$picture"); then
        text=${text//"]($name)"/"]($address)"}
    else
        echo "$name: not uploaded, left out of the comment"
        text=$(grep --invert-match --fixed-strings "]($name)" <<< "$text")
    fi
done

printf '%s\n' "$text" > "$folder/comment.md"
cml comment update --publish=false --target="$target" "$folder/comment.md"
