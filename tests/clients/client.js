const axios = require("axios");
const API_KEY = "your_api_key_here";
const BASE_URL = "https://prosendi.com/api";
async function sendSMS(recipient, message) {
const response = await axios.post(
`${BASE_URL}/sms/send`,
{ recipient, message },
{
headers: {
"X-API-Key": API_KEY,
"Content-Type": "application/json",
},
}
);
return response.data;
}
