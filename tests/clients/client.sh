API_KEY="your_api_key_here"
BASE_URL="https://prosendi.com/api"
curl -X POST "$BASE_URL/sms/send" -H "X-API-Key: $API_KEY" -H "Content-Type: application/json" -d '{"recipient": "+22370123456", "message": "Hello from bash!"}'
