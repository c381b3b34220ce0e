#!/bin/sh
# What the workflows want of GitHub, by its command line tool `gh`, which takes its token from GH_TOKEN.
#   github.sh comment FILE      FILE is the comment on pull request $PULL_REQUEST: one, that is edited. Its first line, which is not
#                               shown, has the checksum of the plan in $PROJECT
#   github.sh reviewed          the plan that was reviewed, to $PROJECT: that of the pull request which brought $GITHUB_SHA,
#                               or the one that $CHECKSUM names
#   github.sh issue TITLE FILE  FILE is told in the open issue of this title, which is opened where there is none
set -eu
repository=repos/$GITHUB_REPOSITORY
marker='<!-- plan by declarative'

# Prints a field of our comments on a pull request. Others may write the marker, too, but not under this name.
comments() {
    gh api --paginate "$repository/issues/$1/comments" \
        --jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | $2"
}

fail() {
    echo "::error title=No reviewed plan::$*" >&2
    exit 1
}

case $1 in
comment)
    body=$(mktemp)
    { echo "$marker $(cat "$PROJECT/checksum" 2> /dev/null) -->"; cat "$2"; } > "$body"
    id=$(comments "$PULL_REQUEST" .id | tail -n 1)
    if [ -n "$id" ]; then
        gh api --silent --method PATCH "$repository/issues/comments/$id" --field "body=@$body"
    else
        gh api --silent --method POST "$repository/issues/$PULL_REQUEST/comments" --field "body=@$body"
    fi
    ;;
reviewed)
    checksum=${CHECKSUM:-}
    if [ -z "$checksum" ]; then
        number=$(gh api "$repository/commits/$GITHUB_SHA/pulls" --jq 'map(select(.merged_at)) | .[0].number // empty')
        [ -n "$number" ] || fail 'This commit came without a pull request. Start the workflow by hand with a checksum.'
        checksum=$(comments "$number" .body | sed -n "s/^$marker \([0-9a-f]*\) -->.*/\1/p" | head -n 1)
        [ -n "$checksum" ] || fail "Pull request #$number has no plan. Start the workflow by hand with a checksum."
    fi
    gh run download --repo "$GITHUB_REPOSITORY" --name "plan-$checksum" --dir "$PROJECT"
    echo "$checksum" > "$PROJECT/checksum"
    ;;
issue)
    number=$(gh issue list --repo "$GITHUB_REPOSITORY" --state open --search "\"$2\" in:title" --json number --jq '.[0].number // empty')
    if [ -n "$number" ]; then
        gh issue comment "$number" --repo "$GITHUB_REPOSITORY" --body-file "$3"
    else
        gh issue create --repo "$GITHUB_REPOSITORY" --title "$2" --body-file "$3"
    fi
    ;;
*)
    echo "github.sh: there is no command $1" >&2
    exit 1
    ;;
esac
