#!/usr/bin/env bash
# Microsoft.Azure.WebJobs.Extensions.Http 3.2.0, the router of the Azure Functions host (dotnet SDK 8 or newer).
#
# Expected: as in ASP.NET Core, the more literal of two routes that fit an address is taken, so that "items/{id}/notes" is
# found beside "items/{id?}/{action?}".
# Seen: the one that was registered first is taken, whatever the other says: a function with a wide route shadows each
# function that the host registers behind it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet new web --output . > /dev/null
dotnet add package Microsoft.Azure.WebJobs.Extensions.Http --version 3.2.0 > /dev/null
cat > Program.cs <<'CODE'
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.Azure.WebJobs.Extensions.Http;

var isAsSeen = true;

async Task<string> Answer(bool wideFirst)
{
    var builder = WebApplication.CreateBuilder();
    builder.Logging.ClearProviders();
    builder.Services.AddRouting();
    builder.WebHost.UseUrls("http://127.0.0.1:0");
    var app = builder.Build();
    var router = new WebJobsRouter(app.Services.GetRequiredService<IInlineConstraintResolver>());
    var routes = router.CreateBuilder(new Handler(), "api");
    var get = new RouteValueDictionary { ["httpMethod"] = new HttpMethodRouteConstraint("GET") };
    (string Name, string Route)[] functions = [("wide", "items/{id?}/{action?}"), ("literal", "items/{id}/notes")];
    foreach (var (name, route) in wideFirst ? functions : functions.Reverse())
        routes.MapFunctionRoute(name, route, get, name);
    router.AddFunctionRoutes(routes.Build(), null);
    app.UseRouter(router);
    await app.StartAsync();
    var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
    var answer = await new HttpClient().GetStringAsync($"{address}/api/items/7/notes");
    await app.StopAsync();
    return answer;
}

foreach (var (wideFirst, seen) in new[] { (true, "wide"), (false, "literal") })
{
    var found = await Answer(wideFirst);
    isAsSeen &= found == seen;
    Console.WriteLine($"GET items/7/notes with the {(wideFirst ? "wide" : "literal")} route first: function \"{found}\"");
}
return isAsSeen ? 0 : 1;

class Handler : IWebJobsRouteHandler
{
    public Task InvokeAsync(HttpContext context, string functionName) => context.Response.WriteAsync(functionName);
}
CODE
if dotnet run; then
  echo 'As seen before: the first registered route is taken.'
else
  echo 'Not as seen before.' >&2
  exit 1
fi
