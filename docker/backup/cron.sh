# shellcheck shell=bash disable=SC2034  # variables for the scripts
# Of docker/backup: when a cron expression is due. Five fields: minute, hour, day of the month, month, day of the week (0 and 7
# are Sunday), each * or a list of numbers and ranges, with /step; months and days also as jan and mon; and @hourly, @daily,
# @weekly, @monthly. If both kinds of day are given, either will do. Times are those of TZ.

cron_fault=

# cron_field NAME TEXT LOWEST HIGHEST WORDS...: a list with a space around each number that is meant.
cron_field() {
    local name=$1 text=${2,,} lowest=$3 highest=$4 word i part first last step found=' '
    shift 4
    i=$lowest
    [ "$name" != weekday ] || i=0
    for word in "$@"; do
        text=${text//$word/$i}
        i=$((i + 1))
    done
    [[ $text =~ ^[0-9*/,-]+$ && $text != *,, && $text != ,* && $text != *, ]] || { cron_fault="$name $2" && return 1; }
    IFS=, read -ra parts <<<"$text"
    for part in "${parts[@]}"; do
        [[ $part =~ ^(\*|([0-9]{1,2})(-([0-9]{1,2}))?)(/([0-9]{1,2}))?$ ]] || { cron_fault="$name $2" && return 1; }
        step=$((10#${BASH_REMATCH[6]:-1}))
        if [ "${BASH_REMATCH[1]}" = '*' ]; then
            first=$lowest last=$highest
        else
            first=$((10#${BASH_REMATCH[2]}))
            last=$((10#${BASH_REMATCH[4]:-$([ -n "${BASH_REMATCH[5]}" ] && echo "$highest" || echo "$first")}))
        fi
        if [ "$first" -lt "$lowest" ] || [ "$last" -gt "$highest" ] || [ "$first" -gt "$last" ] || [ "$step" = 0 ]; then
            cron_fault="$name $2" && return 1
        fi
        for ((i = first; i <= last; i += step)); do found+="$([ "$name:$i" = weekday:7 ] && echo 0 || echo "$i") "; done
    done
    printf '%s' "$found"
}

# cron_next EXPRESSION AFTER: sets cron_time, the first minute after that time (seconds since 1970) at which it is due. Without
# one in the next five years it is wrong, as 30 February is.
cron_next() {
    local expression=$1 end=$(($2 + 5 * 366 * 86400)) fields parts
    local minutes hours days months weekdays minute hour day month weekday any_day any_weekday
    cron_time=$(($2 / 60 * 60 + 60))
    case $expression in
    @hourly) expression='0 * * * *' ;;
    @daily | @midnight) expression='0 0 * * *' ;;
    @weekly) expression='0 0 * * 0' ;;
    @monthly) expression='0 0 1 * *' ;;
    esac
    read -ra fields <<<"$expression"
    [ ${#fields[@]} = 5 ] || { cron_fault='it has not five fields' && return 1; }
    cron_lists minutes minute "${fields[0]}" 0 59 && cron_lists hours hour "${fields[1]}" 0 23 && cron_lists days day "${fields[2]}" 1 31 &&
        cron_lists months month "${fields[3]}" 1 12 jan feb mar apr may jun jul aug sep oct nov dec &&
        cron_lists weekdays weekday "${fields[4]}" 0 7 sun mon tue wed thu fri sat || return
    any_day=${fields[2]} any_weekday=${fields[4]}
    while [ "$cron_time" -lt "$end" ]; do
        # Numbers without leading zeros, which would be octal.
        printf -v parts '%(%-d %-m %w %-H %-M)T' "$cron_time"
        read -r day month weekday hour minute <<<"$parts"
        if ! cron_day; then
            # To the evening first, and from there by hours: a day may have 23 or 25 of them.
            cron_time=$((cron_time - minute * 60 + (hour < 22 ? 22 - hour : 1) * 3600))
        elif [[ $hours != *" $hour "* ]]; then
            cron_time=$((cron_time - minute * 60 + 3600))
        elif [[ $minutes != *" $minute "* ]]; then
            cron_time=$((cron_time + 60))
        else
            return 0
        fi
    done
    cron_fault='there is no such day'
    return 1
}

# cron_lists VARIABLE FIELD...: in this process, for a subshell could not say what is wrong.
cron_lists() {
    local variable=$1 text
    shift
    text=$(cron_field "$@") || { cron_fault="$1 $2" && return 1; }
    printf -v "$variable" '%s' "$text"
}

# Whether the day that cron_next looks at is meant.
cron_day() {
    [[ $months == *" $month "* ]] || return 1
    if [[ $any_day == \** ]] || [[ $any_weekday == \** ]]; then
        [[ $days == *" $day "* && $weekdays == *" $weekday "* ]]
    else
        [[ $days == *" $day "* || $weekdays == *" $weekday "* ]]
    fi
}

# due: sets due_time, when the next backup is, or was, to be made, after the last one that was tried or made; empty without a
# schedule, or before the first.
due() {
    local last stamp
    due_time=
    [ -n "$BACKUP_SCHEDULE" ] || return 0
    last=$(read_result time)
    if [ -z "$last" ]; then
        stamp=$(backups | head -n 1)
        [ -n "$stamp" ] || return 0
        stamp=$(stamp_of "$stamp")
        last=$(date -u -d "${stamp:0:8} ${stamp:9:2}:${stamp:11:2}:${stamp:13:2}" +%s)
    fi
    cron_next "$BACKUP_SCHEDULE" "$last" || die 2 "BACKUP_SCHEDULE=$BACKUP_SCHEDULE is no cron expression: $cron_fault"
    due_time=$cron_time
}
