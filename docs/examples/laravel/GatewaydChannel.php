<?php

// A notification channel for Laravel, of one file and without a package: copy it to app/Channels/GatewaydChannel.php.
//
// In a notification:  public function via($notifiable) { return [GatewaydChannel::class]; }
//                     public function toGatewayd($notifiable) { return new GatewaydMessage('Votre colis est arrivé.'); }
// In the user:        public function routeNotificationForGatewayd() { return $this->phone; }
// In a provider:      $this->app->singleton(GatewaydChannel::class, fn () => new GatewaydChannel(
//                         config('services.gatewayd.url'), config('services.gatewayd.key')));
//
// Queue the notification (ShouldQueue): Laravel then repeats it after a failure, and its id, which is the Idempotency-Key, is
// the same at each attempt, so that nothing is sent twice.

namespace App\Channels;

class GatewaydMessage
{
    /** @param array<string, mixed> $options reference, priority, send_at, expires_in_s, campaign_id, transactional */
    public function __construct(public string $text, public array $options = [])
    {
    }
}

/** The gateway refused: another attempt would be refused too. `$errorCode` is the error code of the gateway. */
class GatewaydRefused extends \RuntimeException
{
    public function __construct(public string $errorCode, string $message)
    {
        parent::__construct("$errorCode: $message");
    }
}

/** There was no answer, or the gateway asks to be asked again later: the queue repeats the notification. */
class GatewaydUnavailable extends \RuntimeException
{
}

class GatewaydChannel
{
    /** @param string $url ends in /api, as http://192.168.1.20:8000/api */
    public function __construct(private string $url, private string $key)
    {
    }

    /**
     * Send the notification to the user's telephone number.
     *
     * @return array<string, mixed> `data` of the answer: sms_id, status, …
     */
    public function send(object $notifiable, object $notification): array
    {
        $recipient = $notifiable->routeNotificationFor('gatewayd', $notification);
        $message = $notification->toGatewayd($notifiable);
        $body = ['recipient' => $recipient, 'message' => $message->text] + $message->options;
        return $this->post('/sms/send', $body, "$notification->id-$recipient")['data'];
    }

    /**
     * @param array<string, mixed> $body
     * @return array<string, mixed>
     */
    private function post(string $path, array $body, string $once): array
    {
        $request = curl_init(rtrim($this->url, '/') . $path);
        curl_setopt_array($request, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => json_encode($body, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE),
            CURLOPT_HTTPHEADER => [
                "X-API-Key: $this->key",
                "Idempotency-Key: $once",
                'Content-Type: application/json',
            ],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 60,
        ]);
        $text = curl_exec($request);
        $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
        $answer = is_string($text) ? json_decode($text, true) : null;
        if (!is_array($answer) || in_array($status, [409, 502, 503, 504])) {
            throw new GatewaydUnavailable(is_array($answer) ? $answer['message'] : curl_error($request));
        }
        if ($status >= 400) {
            throw new GatewaydRefused($answer['error'], $answer['message']);
        }
        return $answer;
    }
}
