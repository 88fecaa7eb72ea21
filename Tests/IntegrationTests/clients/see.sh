# Waits, at most 15 seconds, for a text in the output of a client, and says what that means; ends with 1 when it does not come.
see() { # file, text, what that means
  tries=0
  until grep -q -a -i -e "$2" "$1"; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || { echo "not seen: $3"; tail -n 40 "$1"; exit 1; }
    sleep 0.1
  done
  echo "$3"
}
