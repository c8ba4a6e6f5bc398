#!/bin/sh
# Runs after `azd provision`: registers Deskpost at Entra, and tells the function app its client id. Doing it again
# changes nothing. With ENTRA_EXISTING_CLIENT_ID it registers nothing: see register-app.sh.
set -eu

: "${AZURE_RESOURCE_GROUP:?run this through azd: azd hooks run postprovision}"
: "${FUNCTION_APP_NAME:?}" "${PUBLIC_BASE_URL:?}" "${IDENTITY_PRINCIPAL_ID:?}" "${AZURE_ENV_NAME:?}"
here=$(dirname "$0")

if [ -n "${ENTRA_EXISTING_CLIENT_ID:-}" ]; then
  client_id=$ENTRA_EXISTING_CLIENT_ID
  echo "Using the registration $client_id. Its redirect URIs and its federated credential must fit:"
  echo "  sh infra/register-app.sh $PUBLIC_BASE_URL $IDENTITY_PRINCIPAL_ID"
else
  audience=AzureADMyOrg
  if [ "${OTHER_ORGANISATIONS:-false}" = true ]; then audience=AzureADMultipleOrgs; fi
  client_id=$(az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name deskpost-registration \
    --template-file "$here/registration/app-registration.bicep" \
    --parameters environmentName="$AZURE_ENV_NAME" publicBaseUrl="$PUBLIC_BASE_URL" \
    identityPrincipalId="$IDENTITY_PRINCIPAL_ID" signInAudience="$audience" \
    ${ADMINISTRATOR_ID:+administratorId="$ADMINISTRATOR_ID"} \
    --query properties.outputs.clientId.value --output tsv) || {
    echo "Entra did not let you register the application (the role Application Developer is enough), or not assign its" >&2
    echo "administrator (then: azd env set ADMINISTRATOR_ID none). Or ask somebody who may:" >&2
    echo "  sh infra/register-app.sh $PUBLIC_BASE_URL $IDENTITY_PRINCIPAL_ID" >&2
    echo "then: azd env set ENTRA_EXISTING_CLIENT_ID CLIENT-ID, and azd provision again." >&2
    exit 1
  }
fi

if [ "$client_id" != "${ENTRA_CLIENT_ID:-}" ]; then
  # The first time the app was made before its registration; from now on main.bicep sets this.
  az functionapp config appsettings set --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
    --settings "ENTRA_CLIENT_ID=$client_id" --output none
  azd env set ENTRA_CLIENT_ID "$client_id"
fi
echo "Deskpost is the application $client_id."
