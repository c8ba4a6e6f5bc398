// What wakes somebody. Each rule says what is wrong, for which mailbox or desk, what to do, and where runbook.md says more.
// The metrics come from shared/telemetry/metrics.ts; npm run check:infra holds the names together.

param location string
param tags object
param workspaceName string
param applicationInsightsName string
param actionGroupName string
param functionAppName string
param ownHostName string?

@description('How long a mailbox without new mail is left alone: FETCH_LONGEST_QUIET_MINUTES.')
param longestQuietMinutes int

@description('Where runbook.md can be read.')
param runbookUrl string

@description('The web test asks from these places: https://learn.microsoft.com/azure/azure-monitor/app/availability#location-population-tags')
param webTestLocations array = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr']

@description('Each place asks so often; each question costs.')
@allowed([300, 600, 900])
param webTestSeconds int = 900

@description('Seconds from a mail\'s arrival to its ticket that are still well.')
param lagTargetSeconds int = 300

var daySeconds = 86400

// Gauges: the highest value of the window. Counters: the sum. Where nothing was measured the query has no row, and a rule
// with a dimension stays quiet; the heartbeat alone turns "no row" into 0. What is measured once a day is looked for in
// two, so that its alert does not come and go. Whatever must last before it alerts, its query counts: several evaluation
// periods are several windows, and need a row with a time for each:
// https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule
var rules = [
  {
    name: 'no-tick'
    title: 'Deskpost fetches nothing: no tick for 15 minutes'
    severity: 0
    remedy: 'Restart the function app; if that does not help, deploy it again.'
    query: '''
      AppMetrics
      | where Name == "deskpost.ticks"
      | summarize value = coalesce(sum(Sum), 0.0)
    '''
    aggregation: 'Total'
    operator: 'LessThan'
    threshold: 1
    dimensions: []
    window: 'PT15M'
    frequency: 'PT5M'
  }
  {
    name: 'app-misconfigured'
    title: 'Microsoft refuses the application itself: no mailbox gets a new token'
    severity: 0
    remedy: 'Look at the federated credential (or secret, or certificate) of the app registration. No mailbox has to be connected again.'
    query: '''
      AppMetrics
      | where Name == "deskpost.app.misconfigured"
      | summarize value = max(Sum)
      | where isnotnull(value)
    '''
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: []
    window: 'PT10M'
    frequency: 'PT5M'
  }
  {
    name: 'mailbox-late'
    title: 'A mailbox had no success for 15 minutes'
    severity: 1
    remedy: 'Open the mailbox on the page; its last error says who must do what.'
    query: '''
      AppMetrics
      | where Name == "deskpost.mailbox.success.age"
      | extend mailboxId = tostring(Properties.mailboxId), desk = tostring(Properties.desk), code = tostring(Properties.code)
      | summarize value = max(Sum) by mailboxId, desk, code
    '''
    aggregation: 'Maximum'
    operator: 'GreaterThanOrEqual'
    threshold: 900 + longestQuietMinutes * 60
    dimensions: ['mailboxId', 'desk', 'code']
    window: 'PT10M'
    frequency: 'PT5M'
  }
  {
    name: 'mailbox-needs-owner'
    title: 'A mailbox waits for its owner'
    severity: 1
    remedy: 'Send its owner the link of the page "Connect with Microsoft". Mail stays in the mailbox meanwhile.'
    query: '''
      AppMetrics
      | where Name == "deskpost.mailbox.blocked" and tostring(Properties.status) == "needs-owner"
      | extend mailboxId = tostring(Properties.mailboxId), desk = tostring(Properties.desk)
      | summarize value = max(Sum) by mailboxId, desk
    '''
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['mailboxId', 'desk']
    window: 'PT10M'
    frequency: 'PT5M'
  }
  {
    name: 'mailbox-needs-admin'
    title: 'A mailbox waits for an administrator of its organisation'
    severity: 1
    remedy: 'Read the AADSTS code on the page: a policy, a licence or a blocked account. It is tried again daily.'
    query: '''
      AppMetrics
      | where Name == "deskpost.mailbox.blocked" and tostring(Properties.status) == "needs-admin"
      | extend mailboxId = tostring(Properties.mailboxId), desk = tostring(Properties.desk)
      | summarize value = max(Sum) by mailboxId, desk
    '''
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['mailboxId', 'desk']
    window: 'PT10M'
    frequency: 'PT5M'
  }
  {
    // A desk that restarts is back before the second look.
    name: 'desk-down'
    title: 'A desk takes no mail'
    severity: 1
    remedy: 'Open the desk in a browser, then its own log. Mail waits and arrives when the desk is back.'
    query: '''
      AppMetrics
      | where Name == "deskpost.desk.down"
      | extend desk = tostring(Properties.desk)
      | summarize (at, value) = arg_max(TimeGenerated, Sum), looks = countif(Sum > 0) by desk
      | where looks > 1
      | project desk, value
    '''
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['desk']
    window: 'PT1H'
    frequency: 'PT5M'
  }
  {
    name: 'quarantine-grows'
    title: 'Mail went into quarantine'
    severity: 2
    remedy: 'Read the desk\'s reason in the list of quarantined messages, put it right at the desk, then replay.'
    query: '''
      AppMetrics
      | where Name == "deskpost.messages" and tostring(Properties.outcome) == "quarantined"
      | extend mailboxId = tostring(Properties.mailboxId), desk = tostring(Properties.desk)
      | summarize value = sum(Sum) by mailboxId, desk
    '''
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['mailboxId', 'desk']
    window: 'PT1H'
    frequency: 'PT15M'
  }
  {
    name: 'lag'
    title: 'Mail takes longer than the target from mailbox to ticket'
    severity: 2
    remedy: 'Look at the workbook: a slow desk, throttling, or more mailboxes than FETCH_CONCURRENCY allows for.'
    query: '''
      AppMetrics
      | where Name == "deskpost.lag"
      | extend desk = tostring(Properties.desk)
      | summarize value = sum(Sum) / sum(ItemCount) by desk
    '''
    aggregation: 'Average'
    operator: 'GreaterThan'
    threshold: lagTargetSeconds
    dimensions: ['desk']
    window: 'PT30M'
    frequency: 'PT15M'
  }
  {
    name: 'throttled'
    title: 'Microsoft or a desk slows Deskpost down'
    severity: 3
    remedy: 'Lower FETCH_CONCURRENCY, or find out who else reads that mailbox. Nothing is lost.'
    query: '''
      AppMetrics
      | where Name == "deskpost.throttles"
      | extend service = tostring(Properties.service), mailboxId = tostring(Properties.mailboxId)
      | summarize value = sum(Sum) by service, mailboxId
    '''
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 20
    dimensions: ['service', 'mailboxId']
    window: 'PT30M'
    frequency: 'PT15M'
  }
  {
    name: 'grant-ends'
    title: 'A mailbox\'s refresh token ends within 30 days and was not renewed'
    severity: 2
    remedy: 'Read the last error of keep-tokens for this mailbox; if it stays, ask the owner to connect again.'
    query: '''
      AppMetrics
      | where Name == "deskpost.grant.remaining"
      | extend mailboxId = tostring(Properties.mailboxId)
      | summarize value = min(Sum) by mailboxId
    '''
    aggregation: 'Minimum'
    operator: 'LessThan'
    threshold: 30 * daySeconds
    dimensions: ['mailboxId']
    window: 'P2D'
    frequency: 'PT1H'
  }
  {
    name: 'credential-ends'
    title: 'The application\'s own secret or certificate ends within 30 days'
    severity: 1
    remedy: 'Renew it: README.md of infra, "A certificate in place of the managed identity".'
    query: '''
      AppMetrics
      | where Name == "deskpost.credential.remaining"
      | summarize value = min(Sum)
      | where isnotnull(value)
    '''
    aggregation: 'Minimum'
    operator: 'LessThan'
    threshold: 30 * daySeconds
    dimensions: []
    window: 'P2D'
    frequency: 'PT1H'
  }
  {
    name: 'poison'
    title: 'A mailbox\'s run failed five times on the queue'
    severity: 2
    remedy: 'Read its last error on the page. The next tick tries again by itself; the poison queue can be emptied.'
    query: '''
      AppMetrics
      | where Name == "deskpost.poison"
      | extend mailboxId = tostring(Properties.mailboxId)
      | summarize value = sum(Sum) by mailboxId
    '''
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['mailboxId']
    window: 'PT1H'
    frequency: 'PT15M'
  }
  {
    name: 'change-announced'
    title: 'Graph or Entra announces that something will end'
    severity: 3
    remedy: 'Read the log line "change announced" for what ends and when, and update Deskpost before.'
    query: '''
      AppMetrics
      | where Name == "deskpost.deprecations"
      | extend service = tostring(Properties.service), header = tostring(Properties.header)
      | summarize value = sum(Sum) by service, header
    '''
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: ['service', 'header']
    window: 'P1D'
    frequency: 'PT1H'
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' existing = {
  name: actionGroupName
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

var publicBaseUrl = 'https://${ownHostName ?? app.properties.defaultHostName}'

resource rule 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for item in rules: {
    name: 'deskpost-${item.name}'
    location: location
    tags: tags
    properties: {
      displayName: item.title
      description: '${item.remedy} More: ${runbookUrl}#${item.name}'
      severity: item.severity
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: item.frequency
      windowSize: item.window
      // Before the first telemetry the table does not exist, and a rule could not be made.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: item.query
            metricMeasureColumn: 'value'
            timeAggregation: item.aggregation
            operator: item.operator
            threshold: item.threshold
            dimensions: [for dimension in item.dimensions: { name: dimension, operator: 'Include', values: ['*'] }]
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: {
        actionGroups: [actionGroup.id]
        customProperties: {
          remedy: item.remedy
          runbook: '${runbookUrl}#${item.name}'
          page: publicBaseUrl
        }
      }
    }
  }
]

// From outside, and so the one that still speaks when no telemetry arrives any more.
resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'deskpost-health'
  location: location
  tags: union(tags, { 'hidden-link:${applicationInsights.id}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'deskpost-health'
    Name: 'Deskpost: health'
    Enabled: true
    Kind: 'standard'
    Frequency: webTestSeconds
    Timeout: 60
    RetryEnabled: true
    Locations: [for place in webTestLocations: { Id: place }]
    Request: { RequestUrl: '${publicBaseUrl}/api/health', HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 14 }
  }
}

resource unhealthy 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: 'deskpost-unhealthy'
  location: 'global'
  tags: tags
  properties: {
    description: 'GET ${publicBaseUrl}/api/health is not 200; its answer says what is wrong. More: ${runbookUrl}#unhealthy'
    severity: 0
    enabled: true
    scopes: [healthTest.id, applicationInsights.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: healthTest.id
      componentId: applicationInsights.id
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: actionGroup.id }]
  }
}
