import requests
API_KEY = 'your_api_key_here'
BASE_URL = 'https://prosendi.com/api'
def send_sms(recipient, message):
    url = f'{BASE_URL}/sms/send'
    headers = {'X-API-Key': API_KEY, 'Content-Type': 'application/json'}
    data = {'recipient': recipient, 'message': message}
    return requests.post(url, json=data, headers=headers).json()
