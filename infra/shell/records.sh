# shellcheck shell=bash
# Reads a list of flat records from YAML in the one form that the files here have, and refuses any other:
#
#   name-of-the-list:
#     - key: value
#       key: "value"
#
# A value is one line. A list `[a, b]` and an object `{…}` stay as they are written.

# each_record FILE LIST COMMAND…: call COMMAND once for each record, with the record in the array `record`.
each_record() {
  local file=$1 list=$2 line key value n=0 seen='' begun=''
  shift 2
  declare -gA record=()
  [[ -r $file ]] || stop "$file: expected a file to read, found none"
  # Descriptor 9, so that what COMMAND reads is not the rest of the file.
  while IFS= read -r line <&9 || [[ -n $line ]]; do
    n=$((n + 1))
    [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
    if [[ $line == "$list:" && -z $seen ]]; then
      seen=yes
      continue
    fi
    [[ -n $seen && $line =~ ^(\ \ -\ |\ \ \ \ )([A-Za-z]+):\ (.*)$ ]] ||
      stop "$file:$n: expected '  - key: value' or '    key: value' below '$list:', found '$line'"
    key=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ ${BASH_REMATCH[1]} == '  - ' ]]; then
      if [[ -n $begun ]]; then
        "$@"
      fi
      begun=yes
      record=()
    fi
    [[ -n $begun ]] || stop "$file:$n: expected a record to begin with '  - ', found '$line'"
    [[ -z ${record[$key]+set} ]] || stop "$file:$n: expected $key once, found it twice"
    record[$key]=$(plain "$file:$n" "$value")
  done 9<"$file"
  [[ -n $seen ]] || stop "$file: expected a list named $list, found none"
  if [[ -n $begun ]]; then
    "$@"
  fi
}

# plain WHERE VALUE: print a value without its quotes; refuse what another reader of YAML would take otherwise.
plain() {
  local where=$1 value=$2
  if [[ $value =~ ^\"([^\"\\]*)\"$ ]]; then
    value=${BASH_REMATCH[1]}
  elif [[ $value != [\[{]* && ($value =~ (^[\"\'\&\*\!\|\>%@\`]|:\ |\ #|[[:space:]]$)) || -z $value ]]; then
    stop "$where: expected a plain value or one in double quotes, found '$value'"
  fi
  printf '%s\n' "$value"
}

# items LIST: print the items of `[a, b]`, a line each.
items() {
  local inner=${1#\[}
  inner=${inner%\]}
  local each
  for each in ${inner//,/ }; do
    printf '%s\n' "$each"
  done
}
