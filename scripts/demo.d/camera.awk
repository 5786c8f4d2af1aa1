# A camera over the door: turns the half hours of calit2_main_door.csv into what a counter would send, as a script for psql.
#
#   awk -f camera.awk -v session=UUID -v mode=batch|live [-v from=DAY] [-v to=DAY] calit2_main_door.csv
#
# The file has sums only. The n people of a half hour pass at even distances, the k-th in the middle of the k-th of n equal
# parts, and those who enter are spread evenly among those who leave, an entrance first. So the movements are the same in
# every run, no two share an instant, and each half hour adds up to its line of the file.
#
# mode=batch sends the movements of a half hour in one COPY, mode=live one INSERT for each. A sample of the metrics ends every
# half hour; a line without a reading sends none. from and to are dates: from 04:00 of the one to 04:00 of the other.

function sample(slot, moved, in_last_minute, out_last_minute) {
    printf "EXECUTE sample('%s:%02d:59', %d, %d, %d, '%s');\n", substr(slot, 1, 13), substr(slot, 15) + 29, inside,
        in_last_minute, out_last_minute, moved ? "detecting" : inside ? "tracking" : "waiting"
}

BEGIN {
    FS = ","
    HALF_HOUR = 1800000  # milliseconds
    print "\\set ON_ERROR_STOP on"
    print "SET TIME ZONE 'America/Los_Angeles';  -- the clock on the wall"
    print "SET synchronous_commit = off;"
    printf "PREPARE sample (timestamptz, integer, integer, integer, detection_status) AS INSERT INTO realtime_metrics"
    printf " (session_id, \"timestamp\", current_people_count, people_entered_last_minute, people_exited_last_minute,"
    printf " detection_status, fps_current) VALUES ('%s', $1, $2, $3, $4, $5, 12);\n", session
    printf "PREPARE movement (timestamptz, integer, movement_direction) AS INSERT INTO people_movements"
    printf " (session_id, movement_time, person_id, movement_direction) VALUES ('%s', $1, $2, $3);\n", session
}

NR == 1 { next }

{
    slot = $1; entered = $2 + 0; people = entered + $3
    if (substr(slot, 12) == "04:00") inside = 0
    if ((from != "" && slot < from " 04:00") || (to != "" && slot >= to " 04:00")) {
        person += people
        next
    }
    if (mode == "batch" && people)
        print "COPY people_movements (session_id, movement_time, person_id, movement_direction) FROM STDIN;"
    in_last_minute = out_last_minute = 0
    for (k = 0; k < people; k++) {
        offset = int((2 * k + 1) * HALF_HOUR / (2 * people))
        time = sprintf("%s:%02d:%06.3f", substr(slot, 1, 13), substr(slot, 15) + int(offset / 60000), offset % 60000 / 1000)
        enters = int(((k + 1) * entered + people - 1) / people) > int((k * entered + people - 1) / people)
        if (enters) inside++
        else if (inside) inside--
        if (offset >= HALF_HOUR - 61000) {
            if (enters) in_last_minute++
            else out_last_minute++
        }
        person++
        if (mode == "batch") printf "%s\t%s\t%d\t%s\n", session, time, person, enters ? "in" : "out"
        else printf "EXECUTE movement('%s', %d, '%s');\n", time, person, enters ? "in" : "out"
    }
    if (mode == "batch" && people) print "\\."
    if ($2 != "" && $3 != "") sample(slot, people, in_last_minute, out_last_minute)
}
