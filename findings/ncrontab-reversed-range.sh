#!/usr/bin/env bash
# NCrontab.Signed 3.4.0, the parser of the Azure Functions timer trigger (dotnet SDK 8 or newer).
#
# Expected: a range the wrong way round wraps, as in other cron dialects (SAT-SUN is the weekend, 22-2 the night), or is
# refused.
# Seen: its ends are swapped without a word. SAT-SUN fires on all seven days, 22-2 fires at every hour of the day but not
# at night, NOV-FEB fires from February to November.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet new console --output . > /dev/null
dotnet add package NCrontab.Signed --version 3.4.0 > /dev/null
cat > Program.cs <<'CODE'
using NCrontab;

var options = new CrontabSchedule.ParseOptions { IncludingSeconds = true };
var isAsSeen = true;

void Show(string expression, Func<DateTime, string> part, string seen)
{
    var schedule = CrontabSchedule.TryParse(expression, options);
    var at = new DateTime(2026, 1, 1);
    var parts = new SortedSet<string>(StringComparer.Ordinal);
    for (var i = 0; schedule is not null && i < 400; i++) parts.Add(part(at = schedule.GetNextOccurrence(at)));
    var found = schedule is null ? "refused" : string.Join(" ", parts);
    isAsSeen &= found == seen;
    Console.WriteLine($"{expression,-20} fires on: {found}");
}

Show("0 0 9 * * SAT-SUN", at => $"{(int)at.DayOfWeek}", "0 1 2 3 4 5 6");
Show("0 0 22-2 * * *", at => $"{at.Hour:00}", "02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22");
Show("0 0 9 * NOV-FEB *", at => $"{at.Month:00}", "02 03 04 05 06 07 08 09 10 11");
return isAsSeen ? 0 : 1;
CODE
if dotnet run; then
  echo 'As seen before: the ends of a reversed range are swapped.'
else
  echo 'Not as seen before.' >&2
  exit 1
fi
