#!/bin/sh
# Registers Deskpost at Entra with the Azure CLI, as registration/app-registration.bicep does: for whoever may register
# applications and need not be who deploys, and for the clouds that the Bicep extension does not reach. Doing it again
# puts an existing registration right.
#
#   sh infra/register-app.sh PUBLIC-BASE-URL IDENTITY-PRINCIPAL-ID [NAME] [AzureADMyOrg | AzureADMultipleOrgs]
#
# Prints the client id; then: azd env set ENTRA_EXISTING_CLIENT_ID CLIENT-ID, and azd provision.
set -eu

url=${1:?the address of the app, such as https://func-deskpost-x.azurewebsites.net}
principal=${2:?the object id of the app\'s managed identity}
name=${3:-Deskpost}
audience=${4:-AzureADMyOrg}
graph=00000003-0000-0000-c000-000000000000
role='[{"id":"f3f4ba69-4276-47fb-85da-2932b47c5255","value":"Deskpost.Admin","displayName":"Deskpost administrator","description":"Adds, connects and removes mailboxes, and replays what is in quarantine","allowedMemberTypes":["User"],"isEnabled":true}]'
# Mail.Read, Mail.Read.Shared, Mail.ReadWrite, Mail.ReadWrite.Shared, offline_access
access='[{"resourceAppId":"'$graph'","resourceAccess":[
  {"id":"570282fd-fa5c-430d-a7fd-fc8dc98a9dca","type":"Scope"},
  {"id":"7b9103a5-4610-446b-9670-80643382c1fa","type":"Scope"},
  {"id":"024d486e-b451-40bb-833d-3e66d98c5c73","type":"Scope"},
  {"id":"5df07973-7d5d-46ed-9847-1271055cbd51","type":"Scope"},
  {"id":"7427e0e9-2fba-42fe-b0c0-848c9e6a8182","type":"Scope"}]}]'

client_id=$(az ad app list --display-name "$name" --query '[0].appId' --output tsv)
if [ -z "$client_id" ]; then
  client_id=$(az ad app create --display-name "$name" --sign-in-audience "$audience" --query appId --output tsv)
fi
az ad app update --id "$client_id" --sign-in-audience "$audience" --app-roles "$role" \
  --required-resource-accesses "$access" \
  --web-redirect-uris "$url/api/finish-consent" "$url/api/finish-sign-in" \
  --enable-access-token-issuance false --enable-id-token-issuance false

# The enterprise application: what people consent to.
enterprise=$(az ad sp list --filter "appId eq '$client_id'" --query '[0].id' --output tsv)
if [ -z "$enterprise" ]; then enterprise=$(az ad sp create --id "$client_id" --query id --output tsv); fi

# The managed identity instead of a secret. Each cloud has its own names for this.
login=$(az cloud show --query endpoints.activeDirectory --output tsv)
graph_url=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
tenant=$(az account show --query tenantId --output tsv)
case $(az cloud show --query name --output tsv) in
  AzureUSGovernment) exchange=api://AzureADTokenExchangeUSGov ;;
  AzureChinaCloud) exchange=api://AzureADTokenExchangeChina ;;
  *) exchange=api://AzureADTokenExchange ;;
esac
credential='{"name":"managed-identity","description":"The managed identity of the function app","issuer":"'${login%/}/$tenant'/v2.0","subject":"'$principal'","audiences":["'$exchange'"]}'
existing=$(az ad app federated-credential list --id "$client_id" --query "[?name=='managed-identity'].id" --output tsv)
if [ -z "$existing" ]; then
  az ad app federated-credential create --id "$client_id" --parameters "$credential" --output none
else
  az ad app federated-credential update --id "$client_id" --federated-credential-id "$existing" --parameters "$credential" --output none
fi

# Whoever runs this is the first administrator.
me=$(az ad signed-in-user show --query id --output tsv)
assigned=$(az rest --method get --url "${graph_url%/}/v1.0/servicePrincipals/$enterprise/appRoleAssignedTo" \
  --query "value[?principalId=='$me'].id" --output tsv)
if [ -z "$assigned" ]; then
  az rest --method post --url "${graph_url%/}/v1.0/servicePrincipals/$enterprise/appRoleAssignedTo" \
    --body '{"principalId":"'"$me"'","resourceId":"'"$enterprise"'","appRoleId":"f3f4ba69-4276-47fb-85da-2932b47c5255"}' --output none
fi

echo "$client_id"
