#!/usr/bin/env bash
# Post review.md in FOLDER, with the pictures beside it, as the one comment of a pull request:
#
#   .github/post.sh FOLDER TARGET      TARGET is pr/ and the number of the pull request
#
#   CML_ASSET_URL    where pictures are uploaded to; `none` for a comment without pictures
#
# CML's own upload of what a text links to is off: it sends any file of this machine that the text
# names (REPO_TOKEN is in /proc/self/environ), and writes the text anew without its escapes.
#
# What FOLDER holds may come from a job that ran a merge request's code: a link in it could name any
# file of this machine, so that none is followed, and only PNG images are uploaded.
set -euo pipefail
folder=$1
target=$2
[[ -f $folder/review.md && ! -L $folder/review.md ]] || { echo "no file $folder/review.md"; exit 1; }
text=$(<"$folder/review.md")

is_png() {
    [[ -f $1 && ! -L $1 ]] && cmp --silent --bytes=8 "$1" <(printf '\x89PNG\r\n\x1a\n')
}

shopt -s nullglob
for picture in "$folder"/*.png; do
    name=${picture##*/}
    [[ $text == *"]($name)"* ]] || continue
    if [[ ${CML_ASSET_URL:-} != none ]] && is_png "$picture" && address=$(cml asset publish "$picture"); then
        text=${text//"]($name)"/"]($address)"}
    else
        echo "$name: not uploaded, left out of the comment"
        text=$(grep --invert-match --fixed-strings "]($name)" <<< "$text")
    fi
done

rm -f "$folder/comment.md"
printf '%s\n' "$text" > "$folder/comment.md"
cml comment update --publish=false --target="$target" "$folder/comment.md"
