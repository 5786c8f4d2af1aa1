# awk -v guard=command -v sql=directory -f assemble.awk PIECE...: what Assemble.cmake does, for make.
function put(file, replaces, line, included, status) {
    while ((status = (getline line < file)) > 0) {
        if (line !~ /^-- (include|replace): /) {
            if (replaces)
                gsub(/CREATE FUNCTION/, "CREATE OR REPLACE FUNCTION", line)
            print line
            continue
        }
        included = substr(line, length("-- include: ") + 1)
        if (included !~ /^(install|rest)\/[0-9a-z-]+\.sql$/)
            fail(file " includes what is not there: " sql "/" included)
        print "-- " included
        put(sql "/" included, line ~ /^-- replace: /)
    }
    if (status < 0)
        fail("cannot read " file)
    close(file)
}
function fail(message) {
    print "error: " message >"/dev/stderr"
    exit 1
}
BEGIN {
    printf "\\echo Use \"%s\" to load this file. \\quit\n", guard
    if (ARGC == 1)
        print "\n-- no SQL changes"
    for (i = 1; i < ARGC; i++) {
        name = ARGV[i]
        sub(/.*\//, "", name)
        print "\n-- " name
        put(ARGV[i])
    }
}
