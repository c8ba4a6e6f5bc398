// What an operator looks at. Written here and not in the portal's JSON, so that the queries can be read and checked.

param location string
param tags object
param workspaceName string

var views = [
  {
    name: 'mail'
    title: 'Mail per hour, by what became of it'
    visualization: 'barchart'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.messages"
      | summarize messages = sum(Sum) by outcome = tostring(Properties.outcome), bin(TimeGenerated, 1h)
    '''
  }
  {
    name: 'lag'
    title: 'Seconds from mailbox to ticket: mean and longest'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.lag"
      | summarize mean = sum(Sum) / sum(ItemCount), longest = max(Max) by bin(TimeGenerated, 15m)
    '''
  }
  {
    name: 'states'
    title: 'Mailboxes by status'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.mailboxes"
      | summarize mailboxes = max(Sum) by status = tostring(Properties.status), bin(TimeGenerated, 15m)
    '''
  }
  {
    name: 'waiting'
    title: 'Messages that wait, and in quarantine'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name in ("deskpost.pending", "deskpost.quarantined")
      | summarize arg_max(TimeGenerated, Sum) by Name, mailboxId = tostring(Properties.mailboxId), quarter = bin(TimeGenerated, 15m)
      | summarize messages = sum(Sum) by Name, quarter
    '''
  }
  {
    name: 'tokens'
    title: 'Access tokens asked for, by outcome'
    visualization: 'barchart'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.token.refreshes"
      | summarize tokens = sum(Sum) by outcome = tostring(Properties.outcome), bin(TimeGenerated, 1h)
    '''
  }
  {
    name: 'ends'
    title: 'Days left: refresh token that ends first, own secret or certificate'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name in ("deskpost.grants.remaining", "deskpost.credential.remaining")
      | summarize days = min(Sum) / 86400 by Name, bin(TimeGenerated, 1d)
    '''
  }
  {
    name: 'throttling'
    title: 'Answers that asked to be left alone, and the share of Graph\'s budget'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name in ("deskpost.throttles", "deskpost.graph.budget")
      | summarize throttles = sumif(Sum, Name == "deskpost.throttles"), share = maxif(Sum, Name == "deskpost.graph.budget") by bin(TimeGenerated, 15m)
    '''
  }
  {
    name: 'desks'
    title: 'Desks: attempts that failed, by reason'
    visualization: 'barchart'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.desk.failures"
      | summarize attempts = sum(Sum) by desk = tostring(Properties.desk), code = tostring(Properties.code), bin(TimeGenerated, 1h)
    '''
  }
  {
    name: 'runs'
    title: 'Fetch runs and their mean seconds'
    visualization: 'linechart'
    width: '50'
    query: '''
      AppMetrics
      | where Name in ("deskpost.run.duration", "deskpost.tick.duration")
      | summarize seconds = sum(Sum) / sum(ItemCount) by Name, bin(TimeGenerated, 15m)
    '''
  }
  {
    name: 'changes'
    title: 'Announcements that something will end'
    visualization: 'table'
    width: '50'
    query: '''
      AppMetrics
      | where Name == "deskpost.deprecations"
      | summarize times = sum(Sum), since = min(TimeGenerated), until = max(TimeGenerated) by service = tostring(Properties.service), header = tostring(Properties.header)
    '''
  }
  {
    name: 'mailboxes'
    title: 'Mailboxes (the page has the addresses to the ids)'
    visualization: 'table'
    width: '100'
    query: '''
      AppMetrics
      | where Name in ("deskpost.messages", "deskpost.pending", "deskpost.quarantined", "deskpost.mailbox.success.age", "deskpost.mailbox.blocked", "deskpost.throttles", "deskpost.runs")
      | extend mailboxId = tostring(Properties.mailboxId), outcome = tostring(Properties.outcome)
      | where isnotempty(mailboxId)
      | summarize
          delivered = sumif(Sum, Name == "deskpost.messages" and outcome == "delivered"),
          refused = sumif(Sum, Name == "deskpost.messages" and outcome == "refused"),
          quarantined = sumif(Sum, Name == "deskpost.messages" and outcome == "quarantined"),
          failedRuns = sumif(Sum, Name == "deskpost.runs" and outcome == "failed"),
          throttled = sumif(Sum, Name == "deskpost.throttles"),
          mostPending = maxif(Sum, Name == "deskpost.pending"),
          longestWithoutSuccess = maxif(Sum, Name == "deskpost.mailbox.success.age"),
          blocked = maxif(Sum, Name == "deskpost.mailbox.blocked")
          by mailboxId
      | order by longestWithoutSuccess desc, quarantined desc
    '''
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

var resourceType = 'microsoft.operationalinsights/workspaces'

var content = {
  version: 'Notebook/1.0'
  fallbackResourceIds: [workspace.id]
  items: concat(
    [
      {
        type: 9
        name: 'period'
        content: {
          version: 'KqlParameterItem/1.0'
          style: 'pills'
          queryType: 0
          resourceType: resourceType
          parameters: [
            {
              id: guid(resourceGroup().id, 'period')
              version: 'KqlParameterItem/1.0'
              name: 'Period'
              type: 4
              isRequired: true
              value: { durationMs: 86400000 }
              typeSettings: {
                selectableValues: [
                  { durationMs: 3600000 }
                  { durationMs: 14400000 }
                  { durationMs: 86400000 }
                  { durationMs: 604800000 }
                  { durationMs: 2592000000 }
                ]
                allowCustom: true
              }
            }
          ]
        }
      }
    ],
    map(views, view => {
      type: 3
      name: view.name
      customWidth: view.width
      content: {
        version: 'KqlItem/1.0'
        title: view.title
        query: view.query
        size: 0
        queryType: 0
        resourceType: resourceType
        timeContextFromParameter: 'Period'
        visualization: view.visualization
      }
    })
  )
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'deskpost workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Deskpost'
    category: 'workbook'
    version: '1.0'
    sourceId: workspace.id
    serializedData: string(content)
  }
}
