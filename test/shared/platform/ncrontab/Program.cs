// Reads expressions, a line of JSON each, and writes what the timer of the Functions host makes of them:
//   dotnet run < expressions.jsonl > schedules.json
// As the timer does it: https://github.com/Azure/azure-webjobs-sdk-extensions/tree/dev/src/WebJobs.Extensions/Extensions/Timers/Scheduling
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using NCrontab;

var from = new DateTime(2026, 11, 27, 10, 0, 0);
var lines = new List<string>();
while (Console.ReadLine() is { } line)
{
    var expression = JsonSerializer.Deserialize<string>(line)!;
    lines.Add("  " + JsonSerializer.Serialize(
        new { expression, next = Next(expression) },
        new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
}
Console.WriteLine("[\n" + string.Join(",\n", lines) + "\n]");

// Null where it is refused; fewer than three where there are fewer.
string[]? Next(string expression)
{
    var withSeconds = expression.Split(' ').Length != 5;
    CrontabSchedule? schedule;
    try
    {
        schedule = CrontabSchedule.TryParse(expression, new CrontabSchedule.ParseOptions { IncludingSeconds = withSeconds });
    }
    catch (OverflowException)
    {
        return null;
    }
    if (schedule != null)
    {
        return schedule.GetNextOccurrences(from, from.AddYears(100)).Take(3).Select(Text).ToArray();
    }
    return TimeSpan.TryParse(expression, out var span)
        ? Enumerable.Range(1, 3).Select(times => Text(from + span * times)).ToArray()
        : null;
}

static string Text(DateTime moment) => moment.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
