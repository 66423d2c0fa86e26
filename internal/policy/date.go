package policy

import (
	"strconv"
	"strings"
	"time"
)

// acceptableDate reports whether AWS saves the value in a Date condition.
func acceptableDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

// parseDate reads a date as AWS takes it: ISO 8601 from the year alone (`01T`) down to fractions of a
// second with a zone, fields without leading zeros included, or digits only for seconds of the epoch. It reads
// UTC where no zone is given. The bounds are those of the recorded refusals.
func parseDate(s string) (time.Time, bool) {
	if !strings.ContainsAny(s, "tT-") {
		seconds, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(seconds, 0).UTC(), err == nil && seconds >= 0 && s[0] != '+'
	}
	date, clock := s, ""
	if i := strings.IndexAny(s, "tT"); i >= 0 {
		date, clock = s[:i], s[i+1:]
	}
	year, month, day, ok := parseDay(date)
	if !ok {
		return time.Time{}, false
	}
	hour, minute, second, nano, offset, ok := parseClock(clock)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC).Add(-offset), true
}

// parseDay reads year, year-month or year-month-day; the year may be negative.
func parseDay(s string) (year, month, day int, ok bool) {
	s, negative := strings.CutPrefix(s, "-")
	y, rest, hasMonth := strings.Cut(s, "-")
	m, d, hasDay := strings.Cut(rest, "-")
	month, day = 1, 1
	if year, ok = bounded(y, 0, 292278993); !ok {
		return 0, 0, 0, false
	}
	if negative {
		year = -year
	}
	if year < -292275054 {
		return 0, 0, 0, false
	}
	if hasMonth {
		if month, ok = bounded(m, 1, 12); !ok {
			return 0, 0, 0, false
		}
	}
	if hasDay {
		day, ok = bounded(d, 1, 31)
	}
	return year, month, day, ok
}

// parseClock reads hour, hour:minute or hour:minute:second[.fraction], then nothing, Z or an offset.
func parseClock(s string) (hour, minute, second, nano int, offset time.Duration, ok bool) {
	if i := strings.IndexAny(s, "zZ+-"); i >= 0 {
		if offset, ok = parseZone(s[i:]); !ok {
			return
		}
		s = s[:i]
	}
	if s == "" {
		return 0, 0, 0, 0, offset, true
	}
	h, rest, hasMinute := strings.Cut(s, ":")
	m, rest, hasSecond := strings.Cut(rest, ":")
	sec, fraction, hasFraction := strings.Cut(rest, ".")
	if hour, ok = bounded(h, 0, 23); ok && hasMinute {
		minute, ok = bounded(m, 0, 59)
	}
	if ok && hasSecond {
		second, ok = bounded(sec, 0, 59)
	}
	if ok && hasFraction {
		nano, ok = bounded(fraction, 0, 999999999)
		for i := len(fraction); i < 9; i++ {
			nano *= 10
		}
	}
	return hour, minute, second, nano, offset, ok
}

// parseZone reads Z, or a sign with two digits of hours and perhaps two of minutes.
func parseZone(s string) (time.Duration, bool) {
	if s == "z" || s == "Z" {
		return 0, true
	}
	h, m, hasMinutes := strings.Cut(s[1:], ":")
	hours, ok := bounded(h, 0, 23)
	minutes := 0
	if ok && hasMinutes {
		minutes, ok = bounded(m, 0, 59)
		ok = ok && len(m) == 2
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok && len(h) == 2
}

// bounded reads at most nine digits as a number from low to high.
func bounded(s string, low, high int) (int, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n >= low && n <= high
}
