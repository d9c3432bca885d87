# shellcheck shell=bash
# The ways in which gcloud is asked here: is it there, make it, change it. DRY_RUN=yes prints in place of asking.

DRY_RUN=${DRY_RUN:-}

# Where descriptions are written that were filled in, for gcloud and for whoever wants to read them.
filled=infra/filled
mkdir -p "$filled"

# act ARGUMENT…: run gcloud, or print the command in a dry run. What it tells beside errors, the steps say themselves.
act() {
  if [[ -n $DRY_RUN ]]; then
    printf 'gcloud'
    printf ' %q' "$@" "--project=$PROJECT_ID"
    printf '\n'
  else
    gcloud "$@" "--project=$PROJECT_ID" --quiet ${quiet:+"$quiet"}
  fi
}
quiet=--no-user-output-enabled

# look ARGUMENT…: put what gcloud says into `found`, and return 1 where there is no such thing; any other error stops.
look() {
  found=
  [[ -z $DRY_RUN ]] || return 1
  local errors said status=0
  errors=$(mktemp)
  # shellcheck disable=SC2034 # the callers read it
  found=$(gcloud "$@" "--project=$PROJECT_ID" --quiet 2>"$errors") || status=$?
  said=$(<"$errors")
  rm -f "$errors"
  ((status)) || return 0
  case $said in
    # Google also says of what one may not see that it may not exist.
    *PERMISSION_DENIED* | *'does not have permission'*) ;;
    *NOT_FOUND* | *'not found'* | *'Cannot find'* | *'does not exist'*) return 1 ;;
  esac
  stop "gcloud $*: $said"
}

# ensure WHAT DESCRIBE… -- CREATE…: make what isn't there; what is there stays as it is.
ensure() {
  local what=$1 describe=()
  shift
  while [[ $1 != -- ]]; do
    describe+=("$1")
    shift
  done
  shift
  if look "${describe[@]}" '--format=value(name)'; then
    say "$what: is there"
  else
    act "$@"
    did "$what: made"
  fi
}

# list ARGUMENT…: put what gcloud lists into `listed`, a line each; it costs one question in place of many.
list() {
  look "$@" || found=
  listed=$found
}

# ensure_listed WHAT NAME CREATE…: make what isn't among the names in `listed`.
ensure_listed() {
  local what=$1 name=$2
  shift 2
  if [[ $'\n'$listed$'\n' == *[$'\n'/]"$name"$'\n'* ]]; then
    say "$what: is there"
  else
    act "$@"
    did "$what: made"
  fi
}

# rendered FILE NAME…: print the file with each ${NAME} in the variable's place.
rendered() {
  local text name
  text=$(<"$1")
  shift
  for name in "$@"; do
    text=${text//\$\{$name\}/"${!name}"} # in quotes, or bash 5.2 takes & for what was found
  done
  [[ $text != *\$\{* ]] || stop "expected each variable of the file to be known, found \${${text#*\$\{}"
  printf '%s\n' "$text"
}
