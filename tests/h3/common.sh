# What the tests with HTTP/3 clients share.  Sourced by bash: TEST ECHO
# shellcheck disable=SC2154 # the command line's common.sh sets them
. "$(dirname "$0")/../cli/common.sh"

# Exit status 77 means skipped; on CI (CI=true) that is a failure.
clients=$("$(dirname "$0")/setup" 2>&1) || {
    [ "${CI:-}" != true ] || fail "$clients"
    skip "$clients"
}
libraries=$(dirname "$(find "$clients/usr/lib" -name libcurl-gnutls.so.4 | head -n 1)")
library_path=$libraries:$clients/lib/${libraries##*/} # some are not under usr yet
include=$(dirname "$(dirname "$(find "$clients/usr/include" -name curl.h | head -n 1)")")

# Against the system's versions of what the libraries need themselves.
cc -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -o "$folder/client" "$(dirname "$0")/client.c" \
    -I"$include" -L"$libraries" -l:libcurl-gnutls.so.4 \
    -Wl,--allow-shlib-undefined || fail "the client does not compile"

# client OPTION... PATH, and its standard output in $said.
client() {
    said=$(LD_LIBRARY_PATH=$library_path timeout 300 "$folder/client" "${@:1:$#-1}" "$url${!#}" 2>"$folder/client.err")
}

gtlsclient() { LD_LIBRARY_PATH=$library_path timeout 300 "$clients/usr/bin/gtlsclient" --quiet "$@" >"$folder/gtlsclient.out" 2>&1; }

# The same, and reads where to reach it.
serve_http3() {
    serve --http3 "$@"
    next_line
    url=${line#http/3       }
    [ "$line" = "http/3       $url" ] || fail "not an address: $line"
    url=${url%/}
    port=${url##*:}
}

# metric NAME: sets value.
metric() {
    client -o "$folder/metrics" /metrics || fail "no /metrics: $(cat "$folder/client.err")"
    value=$(sed -n "s/^$1 //p" "$folder/metrics.0")
    [ -n "$value" ] || fail "there is no $1"
}

same() { [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]; }
