<?php

// A receiver of webhooks with PHP alone: WEBHOOK_SECRET=whsec_… php -S 0.0.0.0:9000 receiver.php
// In Laravel: a route outside the CSRF middleware that calls is_genuine($request->headers->all(), $request->getContent()).

const TOLERANCE_S = 300;

/** Whether the gateway signed this body, not long ago. */
function is_genuine(string $id, string $stamp, string $signatures, string $body): bool
{
    if (!ctype_digit($stamp) || abs(time() - (int) $stamp) > TOLERANCE_S) {
        return false;
    }
    $secret = base64_decode(preg_replace('/^whsec_/', '', getenv('WEBHOOK_SECRET')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $secret, true));
    foreach (explode(' ', $signatures) as $given) { // two while a new secret replaces an old one
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$body = file_get_contents('php://input');
if (!is_genuine($id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $body)) {
    http_response_code(401);
    return;
}
// An event may come twice. A real program keeps the ids in its database, in the transaction of what it does.
$seen = sys_get_temp_dir() . '/gatewayd-event-' . hash('sha256', $id);
if (@fopen($seen, 'x') !== false) {
    $event = json_decode($body, true);
    file_put_contents('php://stdout', "{$event['type']} {$event['id']}\n");
}
http_response_code(204); // at once; what lasts longer belongs in a queue of your own
