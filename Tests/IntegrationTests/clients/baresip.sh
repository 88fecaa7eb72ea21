#!/bin/bash
# Two baresip, each registered through another server: a call and a message from the first to the second, then both
# unregister. baresip knows MD5 only, and starts only where there is an address that is not loopback.
#   baresip.sh DIRECTORY DOMAIN SERVER1 SERVER2 PORT USER1 USER2
# SERVER is host:port, PORT the first of eight free ports. A user's password is its name and "-secret".
# Prints a line for each thing that was seen, and ends with 1 at the first that was not.
set -u
. "${0%/*}/see.sh"
directory=$1 domain=$2 server1=$3 server2=$4 port=$5 user1=$6 user2=$7
mkdir -p "$directory" && cd "$directory" || exit 1

configure() { # user server port: of these, SIP takes two, its control one
  mkdir -p "$1"
  cat > "$1/config" << END
sip_listen 127.0.0.1:$3
audio_player aubridge,$1
audio_source aubridge,$1
audio_alert aubridge,$1
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:$(($3 + 2))
END
  : > "$1/contacts"
  echo "<sip:$1@$domain>;auth_user=$1;auth_pass=$1-secret;outbound=\"sip:$2\";regint=60;answermode=auto" > "$1/accounts"
}

tell() { # port, command, parameters: a netstring of JSON
  local text="{\"command\":\"$2\",\"params\":\"${3:-}\",\"token\":\"t\"}"
  exec 7<> "/dev/tcp/127.0.0.1/$1" && printf '%d:%s,' "${#text}" "$text" >&7
  sleep 0.3
  exec 7>&-
}

configure "$user1" "$server1" "$port"
configure "$user2" "$server2" "$((port + 4))"
printf '"%s" <sip:%s@%s>\n' "$user2" "$user2" "$domain" > "$user1/contacts"
baresip -4 -f "$directory/$user1" -s -t 60 > "$user1.out" 2>&1 &
first=$!
baresip -4 -f "$directory/$user2" -s -t 60 > "$user2.out" 2>&1 &
second=$!
trap 'kill $first $second 2> /dev/null' EXIT

see "$user1.out" "SIP/2.0 200 OK" "$user1 is registered"
see "$user2.out" "SIP/2.0 200 OK" "$user2 is registered"
tell "$((port + 2))" dial "sip:$user2@$domain"
see "$user1.out" "Call established" "the call is up"
see "$user2.out" "Call established" "the call is up at the other end"
tell "$((port + 2))" hangup
see "$user2.out" "session closed\|terminated" "the call is over"
tell "$((port + 2))" message "hello from $user1"
see "$user2.out" "hello from $user1" "the message has come"
tell "$((port + 2))" quit
tell "$((port + 6))" quit
wait "$first" "$second"
see "$user1.out" "expires=0" "$user1 has unregistered"
see "$user2.out" "expires=0" "$user2 has unregistered"
