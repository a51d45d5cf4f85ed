"""The error codes of 24.011, 23.040, 27.005, 27.007 and of the vendors, as data: one row per code."""

from __future__ import annotations

from enum import Flag, auto
from typing import Final, NamedTuple


class Behaviour(Flag):
    """The reactions of the gateway to a code, beyond the kind of the failure. A code may have several."""

    NOTHING = 0
    BUSY = auto()  # the same command succeeds in a moment: repeat it
    STORAGE_FULL = auto()  # a message memory has no room: read and delete stored messages
    OUTCOME_UNKNOWN = auto()  # the network may have accepted the message
    MALFORMED = auto()  # the modem cannot read the command: octets may have been lost on the line
    UNKNOWN_COMMAND = auto()  # the modem may not have the command at all
    OTHER_USSD_FORM = (
        auto()
    )  # the modem may accept the USSD code in another form; nothing went to the network
    WRONG_MODE = auto()  # the modem may be in text mode
    REPEAT_ONCE = auto()  # submit the same PDU once more at once
    NO_SUCH_INDEX = auto()  # the memory has no message at this index
    NO_SERVICE_CENTRE = auto()  # the SIM has no service centre number
    NO_NETWORK = auto()  # the registration may be lost: read it now
    MODEM_FAILED = auto()  # the modem itself failed; several in a row call for a restart
    REFUSES_AT = auto()  # some modems answer even `AT` with it until their SIM is unlocked
    SIM_ABSENT = auto()
    SIM_PIN = auto()
    SIM_PUK = auto()
    SIM_FAILED = auto()
    MODEM_LOCKED = auto()  # the modem accepts the SIMs of another operator only
    SIM_TROUBLE = SIM_ABSENT | SIM_PIN | SIM_PUK | SIM_FAILED | MODEM_LOCKED  # read the state of the SIM now


_NOTHING: Final = Behaviour.NOTHING


class Row(NamedTuple):
    """The meaning of one code."""

    kind: str  # whose failure it is: R recipient, S SIM or port, M moment, C configuration
    name: str  # the standard's name, which a modem in `AT+CMEE=2` gives instead of the number; "" without one
    reason: str  # a sentence for the operator in English
    reason_fr: str  # the same in French
    behaviour: Behaviour = _NOTHING


# The meaning of a refusal without a code, and of every unknown code.
BARE: Final = Row(
    "M",
    "error",
    "The modem refused without saying why; tried again later.",
    "Le modem a refusé sans dire pourquoi ; nouvel essai plus tard.",
)

_TEMPORARY: Final = Row(
    "M",
    "",
    "The network refused for the moment; tried again later.",
    "Le réseau a refusé pour le moment ; nouvel essai plus tard.",
)
_PROTOCOL: Final = Row(
    "C",
    "",
    "The network found the message badly formed: check the service centre number (smsc) of this SIM.",
    "Le réseau juge le message mal formé : vérifiez le numéro du centre de messages (smsc) de cette SIM.",
)
_BARRED: Final = Row(
    "S",
    "",
    "The operator bars this SIM from sending: check its credit and its subscription.",
    "L'opérateur interdit l'envoi à cette SIM : vérifiez son crédit et son abonnement.",
)
_UNSUPPORTED_BY_CENTRE: Final = Row(
    "C",
    "",
    "The service centre does not support this kind of message: check the service centre number (smsc).",
    "Le centre de messages ne gère pas ce type de message : vérifiez son numéro (smsc).",
)
_NO_SIM: Final = Row(
    "S",
    "",
    "No SIM in the slot: insert one, or seat it again.",
    "Pas de SIM dans le lecteur : insérez-en une ou remettez-la en place.",
    Behaviour.SIM_ABSENT,
)
_PIN: Final = Row(
    "S",
    "",
    "The SIM asks for its PIN: set `pin` for this port in the configuration.",
    "La SIM demande son code PIN : indiquez `pin` pour ce port dans la configuration.",
)
_PUK: Final = Row(
    "S",
    "",
    "The SIM is locked: unlock it with its PUK in a telephone.",
    "La SIM est bloquée : débloquez-la avec son code PUK dans un téléphone.",
)
_SIM_BROKEN: Final = Row(
    "S",
    "",
    "The modem cannot read the SIM: seat it again, or replace it.",
    "Le modem ne lit pas la SIM : remettez-la en place ou remplacez-la.",
)
_SIM_BUSY: Final = Row(
    "M",
    "",
    "The SIM is busy; tried again in a moment.",
    "La SIM est occupée ; nouvel essai dans un instant.",
)
_LOCKED_MODEM: Final = Row(
    "S",
    "",
    "This modem is locked to another operator: have it unlocked, or use a SIM of that operator.",
    "Ce modem est verrouillé sur un autre opérateur : faites-le déverrouiller ou utilisez une SIM de cet opérateur.",
    Behaviour.MODEM_LOCKED,
)
_STORAGE: Final = Row(
    "S",
    "",
    "The modem's or the SIM's message memory fails: delete messages, or replace the SIM.",
    "La mémoire de messages du modem ou de la SIM est en défaut : supprimez des messages ou remplacez la SIM.",
)
_FULL: Final = Row(
    "M",
    "",
    "The message memory is full; stored texts are read and deleted first.",
    "La mémoire de messages est pleine ; les messages stockés sont d'abord lus et effacés.",
    Behaviour.STORAGE_FULL,
)
_BUSY: Final = Row(
    "M",
    "",
    "The modem is busy; tried again in a moment.",
    "Le modem est occupé ; nouvel essai dans un instant.",
)
_NO_NETWORK: Final = Row(
    "M",
    "",
    "The modem has no network: check antenna and coverage.",
    "Le modem n'a pas de réseau : vérifiez l'antenne et la couverture.",
)
_NETWORK_TIMEOUT: Final = Row(
    "M",
    "",
    "The network did not answer in time; whether it took the message is not known.",
    "Le réseau n'a pas répondu à temps ; on ignore s'il a pris le message.",
    Behaviour.OUTCOME_UNKNOWN,
)
_BAD_COMMAND: Final = Row(
    "C",
    "",
    "The modem does not accept the form of the message: report its model, so that it can be supported.",
    "Le modem n'accepte pas la forme du message : signalez son modèle afin qu'il soit pris en charge.",
    Behaviour.MALFORMED,
)
_UNSUPPORTED: Final = Row(
    "C",
    "",
    "The modem does not support this: use another model, or update its firmware.",
    "Le modem ne gère pas cette fonction : changez de modèle ou mettez à jour son logiciel.",
)
_MODEM_FAILED: Final = Row(
    "S",
    "",
    "The modem failed; it is restarted if this goes on.",
    "Le modem est en défaut ; il est redémarré si cela continue.",
)
_NOT_ALLOWED: Final = Row(
    "M",
    "",
    "The modem cannot do this now: it may not be registered, or be in a call.",
    "Le modem ne peut pas le faire maintenant : il n'est peut-être pas enregistré, ou il est en communication.",
)
_ILLEGAL: Final = Row(
    "S",
    "",
    "The network rejects this SIM or modem: ask the operator whether the SIM is active and the IMEI accepted.",
    "Le réseau rejette cette SIM ou ce modem : demandez à l'opérateur si la SIM est active et l'IMEI accepté.",
)
_UNASSIGNED: Final = Row(
    "R",
    "",
    "The number is not assigned: check the recipient.",
    "Ce numéro n'est attribué à personne : vérifiez le destinataire.",
)


# A refusal that is the word ERROR alone.
ERROR: Final = BARE._replace(behaviour=Behaviour.UNKNOWN_COMMAND | Behaviour.OTHER_USSD_FORM)


def _named(row: Row, name: str, also: Behaviour = _NOTHING) -> Row:
    return row._replace(name=name, behaviour=row.behaviour | also)


def _busy(row: Row) -> Row:
    return row._replace(behaviour=row.behaviour | Behaviour.BUSY)


# 0-127: 24.011, annex E-2; 128-255: TP-FCS of 23.040, 9.2.3.22; 300-500: 27.005, 3.2.5.
CMS: Final[dict[int, Row]] = {
    1: _named(_UNASSIGNED, "unassigned number"),
    8: _named(_BARRED, "operator determined barring"),
    10: _named(_BARRED, "call barred"),
    17: _named(_TEMPORARY, "network failure"),
    21: Row(
        "S",
        "short message transfer rejected",
        "The network rejected the message from this SIM: check its credit, and whether it was blocked for mass sending.",
        "Le réseau a rejeté le message de cette SIM : vérifiez son crédit et un éventuel blocage pour envoi en masse.",
    ),
    22: Row(
        "M",
        "congestion",
        "The network or the recipient's telephone has no room; tried again later.",
        "Le réseau ou le téléphone du destinataire est saturé ; nouvel essai plus tard.",
    ),
    27: Row(
        "M",
        "destination out of service",
        "The recipient's telephone is out of service; tried again later.",
        "Le téléphone du destinataire est hors service ; nouvel essai plus tard.",
    ),
    28: Row(
        "S",
        "unidentified subscriber",
        "The network does not know this SIM: ask the operator whether it is active and identified.",
        "Le réseau ne connaît pas cette SIM : demandez à l'opérateur si elle est active et identifiée.",
    ),
    29: _named(_BARRED, "facility rejected"),
    30: Row(
        "R",
        "unknown subscriber",
        "The network does not know the recipient: check the number (if all are refused, the smsc of this SIM).",
        "Le réseau ne connaît pas le destinataire : vérifiez le numéro (si tous sont refusés, le smsc de cette SIM).",
    ),
    38: _named(_TEMPORARY, "network out of order"),
    41: _named(_TEMPORARY, "temporary failure"),
    42: Row(
        "M",
        "congestion",
        "The network is congested; tried again later.",
        "Le réseau est encombré ; nouvel essai plus tard.",
    ),
    47: _named(_TEMPORARY, "resources unavailable, unspecified"),
    50: Row(
        "S",
        "requested facility not subscribed",
        "This SIM's subscription does not include text messages: ask the operator.",
        "L'abonnement de cette SIM ne comprend pas les SMS : voyez avec l'opérateur.",
    ),
    69: Row(
        "S",
        "requested facility not implemented",
        "This SIM's network does not offer text messages here: use another SIM.",
        "Le réseau de cette SIM n'offre pas les SMS ici : utilisez une autre SIM.",
    ),
    81: _named(_TEMPORARY, "invalid short message transfer reference value"),
    95: _named(_PROTOCOL, "invalid message, unspecified"),
    96: _named(_PROTOCOL, "invalid mandatory information"),
    97: _named(_PROTOCOL, "message type non-existent or not implemented"),
    98: _named(_PROTOCOL, "message not compatible with short message protocol state"),
    99: _named(_PROTOCOL, "information element non-existent or not implemented"),
    111: _named(_PROTOCOL, "protocol error, unspecified"),
    127: _named(_TEMPORARY, "interworking, unspecified"),
    128: _named(_UNSUPPORTED_BY_CENTRE, "telematic interworking not supported"),
    129: _named(_UNSUPPORTED_BY_CENTRE, "short message type 0 not supported"),
    130: _named(_UNSUPPORTED_BY_CENTRE, "cannot replace short message"),
    **dict.fromkeys(range(131, 143), _UNSUPPORTED_BY_CENTRE),  # reserved for errors of the TP-PID
    143: _named(_UNSUPPORTED_BY_CENTRE, "unspecified tp-pid error"),
    144: _named(_UNSUPPORTED_BY_CENTRE, "data coding scheme (alphabet) not supported"),
    145: _named(_UNSUPPORTED_BY_CENTRE, "message class not supported"),
    159: _named(_UNSUPPORTED_BY_CENTRE, "unspecified tp-dcs error"),
    160: _named(_UNSUPPORTED_BY_CENTRE, "command cannot be actioned"),
    161: _named(_UNSUPPORTED_BY_CENTRE, "command unsupported"),
    175: _named(_UNSUPPORTED_BY_CENTRE, "unspecified tp-command error"),
    176: _named(_UNSUPPORTED_BY_CENTRE, "tpdu not supported"),
    192: Row(
        "M",
        "sc busy",
        "The service centre is busy; tried again later.",
        "Le centre de messages est occupé ; nouvel essai plus tard.",
    ),
    193: Row(
        "S",
        "no sc subscription",
        "The service centre does not serve this SIM: check its subscription and its smsc.",
        "Le centre de messages ne sert pas cette SIM : vérifiez son abonnement et son smsc.",
    ),
    194: Row(
        "M",
        "sc system failure",
        "The service centre has failed; tried again later.",
        "Le centre de messages est en panne ; nouvel essai plus tard.",
    ),
    195: Row(
        "R",
        "invalid sme address",
        "The service centre finds the recipient's number invalid: check it.",
        "Le centre de messages juge le numéro du destinataire invalide : vérifiez-le.",
    ),
    196: Row(
        "R",
        "destination sme barred",
        "The operator bars messages to this recipient.",
        "L'opérateur interdit les messages vers ce destinataire.",
    ),
    197: Row(
        "M",
        "sm rejected-duplicate sm",
        "The service centre takes the message for a repetition; sent again as a new one.",
        "Le centre de messages prend le message pour une répétition ; il est renvoyé comme nouveau.",
    ),
    198: _named(_UNSUPPORTED_BY_CENTRE, "tp-vpf not supported"),
    199: _named(_UNSUPPORTED_BY_CENTRE, "tp-vp not supported"),
    208: _named(_FULL, "(u)sim sms storage full"),
    209: _named(_STORAGE, "no sms storage capability in (u)sim"),
    210: _named(_MODEM_FAILED, "error in ms"),
    211: _named(_FULL, "memory capacity exceeded"),
    212: Row(
        "S",
        "(u)sim application toolkit busy",
        "The SIM is busy with a menu of its own: restart the modem if it goes on, or replace the SIM.",
        "La SIM est occupée par l'un de ses menus : redémarrez le modem si cela dure, ou remplacez la SIM.",
    ),
    213: _named(_STORAGE, "(u)sim data download error"),
    255: _named(_TEMPORARY, "unspecified error cause"),
    300: _named(_MODEM_FAILED, "me failure", Behaviour.MODEM_FAILED),
    301: Row(
        "M",
        "sms service of me reserved",
        "Another program uses the modem's message service: stop it (ModemManager?).",
        "Un autre programme utilise le service de messages du modem : arrêtez-le (ModemManager ?).",
    ),
    302: _named(_NOT_ALLOWED, "operation not allowed", Behaviour.NO_NETWORK | Behaviour.UNKNOWN_COMMAND),
    303: _named(_UNSUPPORTED, "operation not supported", Behaviour.UNKNOWN_COMMAND),
    304: _named(_BAD_COMMAND, "invalid pdu mode parameter", Behaviour.WRONG_MODE),
    305: _named(_BAD_COMMAND, "invalid text mode parameter", Behaviour.WRONG_MODE | Behaviour.REPEAT_ONCE),
    310: _named(_NO_SIM, "sim not inserted"),
    311: _named(_PIN, "sim pin required", Behaviour.SIM_PIN),
    312: _named(_LOCKED_MODEM, "ph-sim pin required"),
    313: _named(_SIM_BROKEN, "sim failure", Behaviour.SIM_FAILED),
    314: _named(_SIM_BUSY, "sim busy", Behaviour.BUSY),
    315: _named(_SIM_BROKEN, "sim wrong", Behaviour.SIM_FAILED),
    316: _named(_PUK, "sim puk required", Behaviour.SIM_PUK),
    317: _named(_PIN, "sim pin2 required"),
    318: _named(_PUK, "sim puk2 required"),
    320: _named(_STORAGE, "memory failure"),
    321: Row(
        "M",
        "invalid memory index",
        "The stored message is no longer there.",
        "Le message stocké n'est plus là.",
        Behaviour.NO_SUCH_INDEX,
    ),
    322: _named(_FULL, "memory full"),
    330: Row(
        "C",
        "smsc address unknown",
        "The SIM has no service centre number: set `smsc` for this port in the configuration.",
        "La SIM n'a pas de numéro de centre de messages : indiquez `smsc` pour ce port dans la configuration.",
        Behaviour.NO_SERVICE_CENTRE,
    ),
    331: _named(_NO_NETWORK, "no network service", Behaviour.NO_NETWORK),
    332: _named(_NETWORK_TIMEOUT, "network timeout"),
    340: Row(
        "M",
        "no +cnma acknowledgement expected",
        "The modem expected no acknowledgement.",
        "Le modem n'attendait pas d'accusé de réception.",
    ),
    350: _named(_BAD_COMMAND, ""),
    500: Row(
        "M",
        "unknown error",
        "The modem does not say why it failed: if it goes on, check credit, service centre number and coverage.",
        "Le modem ne dit pas la cause : si cela continue, vérifiez crédit, numéro du centre de messages et couverture.",
    ),
    512: _named(_TEMPORARY, ""),
    513: _named(_NO_NETWORK, ""),
    514: _named(_TEMPORARY, ""),
    515: _named(_BUSY, "", Behaviour.BUSY),
    **dict.fromkeys(range(516, 521), _BAD_COMMAND),
    521: _named(_NETWORK_TIMEOUT, ""),  # timer expired
    522: _named(_NOT_ALLOWED, ""),
    **dict.fromkeys((526, 527, 530), _BUSY),
    **dict.fromkeys((528, 529), _NO_NETWORK),
    531: _named(_FULL, ""),
    532: _named(_SIM_BUSY, "", Behaviour.BUSY),
    535: _named(_BUSY, ""),
    538: _named(_BAD_COMMAND, ""),
    **dict.fromkeys(range(549, 555), _BAD_COMMAND),
    604: _named(_BUSY, ""),
    615: _named(_NO_NETWORK, ""),
    616: _named(_NO_NETWORK, ""),
    770: _named(_ILLEGAL, ""),
    772: _named(_SIM_BROKEN, ""),
}

# Above 511 each vendor has its own table; here are the rows that differ from the ones above.
# 515 and 532 are repeated as busy whatever the vendor calls them: the vendor may be unknown when they come.
CMS_BY_VENDOR: Final[dict[str, dict[int, Row]]] = {
    "wavecom": {
        512: _NO_NETWORK,  # MM establishment failure
        513: _NO_NETWORK,  # lower layer failure
        514: _TEMPORARY,  # CP error
        515: _busy(_BUSY),  # please wait, initialisation or command in progress
        526: _NOT_ALLOWED,  # PIN deactivation forbidden with this SIM
        527: _BUSY,  # RR or MM is busy
        528: _ILLEGAL,  # location update failure, emergency calls only
        529: _NO_NETWORK,  # PLMN selection failure
        531: Row(
            "S",
            "",
            "The SIM only sends to numbers in its fixed dialling list (FDN): switch that off.",
            "La SIM n'envoie qu'aux numéros de sa liste fixe (FDN) : désactivez-la.",
        ),
    },
    "siemens": {
        512: _BUSY,  # user abort
        513: _STORAGE,  # unable to store
        514: _BAD_COMMAND,  # invalid status
        515: _busy(_BAD_COMMAND),  # invalid character in address string
        **dict.fromkeys(range(516, 521), _BAD_COMMAND),  # invalid lengths, characters, parameters
        521: _NETWORK_TIMEOUT,  # timer expired
        522: _NOT_ALLOWED,  # operation temporarily not allowed
        532: _busy(_SIM_BUSY),  # SIM not ready
        535: _BUSY,  # protocol stack busy
    },
    "quectel": {
        512: _SIM_BUSY,  # SIM not ready
        513: _BAD_COMMAND,  # message length exceeds maximum
        514: _BAD_COMMAND,  # invalid request parameters
        515: _busy(_STORAGE),  # ME storage failure
        517: _NOT_ALLOWED,  # invalid service mode
        528: _TEMPORARY,  # more-message-to-send state error
        529: _BARRED,  # MO SMS is not allowed
        530: _NOT_ALLOWED,  # GPRS is suspended
        531: _FULL,  # ME storage full
    },
    "simcom": {
        512: _BUSY,  # user abort
        513: _STORAGE,  # unable to store
        514: _BAD_COMMAND,  # invalid status
        515: _busy(_BUSY),  # device busy
        516: _BAD_COMMAND,  # invalid length
        517: _BAD_COMMAND,  # invalid character in PDU
        518: _BAD_COMMAND,  # invalid parameter
        519: _BAD_COMMAND,  # invalid length or character
        520: _BAD_COMMAND,  # invalid character in text
        521: _NETWORK_TIMEOUT,  # timer expired
        522: _NOT_ALLOWED,  # operation temporarily not allowed
        532: _busy(_SIM_BUSY),  # SIM not ready
        535: _BUSY,  # protocol stack busy
        538: _BAD_COMMAND,  # invalid parameter
    },
}

# 27.007, 9.2. The same small numbers mean other things here than above.
CME: Final[dict[int, Row]] = {
    0: _named(_MODEM_FAILED, "phone failure", Behaviour.MODEM_FAILED),
    1: _named(_MODEM_FAILED, "no connection to phone", Behaviour.MODEM_FAILED),
    2: _named(_BUSY, "phone-adaptor link reserved"),
    3: _named(
        _NOT_ALLOWED,
        "operation not allowed",
        Behaviour.NO_NETWORK | Behaviour.UNKNOWN_COMMAND | Behaviour.OTHER_USSD_FORM,
    ),
    4: _named(_UNSUPPORTED, "operation not supported", Behaviour.UNKNOWN_COMMAND | Behaviour.OTHER_USSD_FORM),
    5: _named(_LOCKED_MODEM, "ph-sim pin required", Behaviour.REFUSES_AT),
    6: _named(_LOCKED_MODEM, "ph-fsim pin required", Behaviour.REFUSES_AT),
    7: _named(_LOCKED_MODEM, "ph-fsim puk required", Behaviour.REFUSES_AT),
    10: _named(_NO_SIM, "sim not inserted", Behaviour.REFUSES_AT),
    11: _named(_PIN, "sim pin required", Behaviour.SIM_PIN | Behaviour.REFUSES_AT),
    12: _named(_PUK, "sim puk required", Behaviour.SIM_PUK | Behaviour.REFUSES_AT),
    13: _named(_SIM_BROKEN, "sim failure", Behaviour.SIM_FAILED | Behaviour.REFUSES_AT),
    14: _named(_SIM_BUSY, "sim busy", Behaviour.BUSY),
    15: _named(_SIM_BROKEN, "sim wrong", Behaviour.SIM_FAILED | Behaviour.REFUSES_AT),
    16: Row(
        "S",
        "incorrect password",
        "The PIN is wrong: correct `pin` for this port; it is not tried again until then.",
        "Le code PIN est faux : corrigez `pin` pour ce port ; il n'est plus essayé d'ici là.",
    ),
    17: _named(_PIN, "sim pin2 required"),
    18: _named(_PUK, "sim puk2 required"),
    20: _named(_FULL, "memory full"),
    21: _named(_BAD_COMMAND, "invalid index", Behaviour.NO_SUCH_INDEX),
    22: _named(_BAD_COMMAND, "not found", Behaviour.NO_SUCH_INDEX),
    23: _named(_STORAGE, "memory failure"),
    24: _named(_BAD_COMMAND, "text string too long", Behaviour.OTHER_USSD_FORM),
    25: _named(_BAD_COMMAND, "invalid characters in text string", Behaviour.OTHER_USSD_FORM),
    26: _named(_BAD_COMMAND, "dial string too long", Behaviour.OTHER_USSD_FORM),
    27: _named(_BAD_COMMAND, "invalid characters in dial string", Behaviour.OTHER_USSD_FORM),
    30: _named(_NO_NETWORK, "no network service", Behaviour.NO_NETWORK),
    31: _named(_NETWORK_TIMEOUT, "network timeout"),
    32: _named(_ILLEGAL, "network not allowed - emergency calls only", Behaviour.NO_NETWORK),
    40: _named(_LOCKED_MODEM, "network personalisation pin required"),
    41: _named(_LOCKED_MODEM, "network personalisation puk required"),
    42: _named(_LOCKED_MODEM, "network subset personalisation pin required"),
    43: _named(_LOCKED_MODEM, "network subset personalisation puk required"),
    44: _named(_LOCKED_MODEM, "service provider personalisation pin required"),
    45: _named(_LOCKED_MODEM, "service provider personalisation puk required"),
    46: _named(_LOCKED_MODEM, "corporate personalisation pin required"),
    47: _named(_LOCKED_MODEM, "corporate personalisation puk required"),
    48: _named(_LOCKED_MODEM, "hidden key required"),
    49: _named(_UNSUPPORTED, "eap method not supported"),
    50: _named(_BAD_COMMAND, "incorrect parameters", Behaviour.OTHER_USSD_FORM),
    51: _named(_NOT_ALLOWED, "command implemented but currently disabled"),
    52: _named(_BUSY, "command aborted by user"),
    53: _named(_NOT_ALLOWED, "not attached to network due to mt functionality restrictions"),
    54: _named(_ILLEGAL, "modem not allowed - mt restricted to emergency calls only"),
    55: _named(_NOT_ALLOWED, "operation not allowed because of mt functionality restrictions"),
    56: _named(_BARRED, "fixed dial number only allowed - called number is not a fixed dial number"),
    57: _named(_BUSY, "temporarily out of service due to other mt usage"),
    58: _named(_UNSUPPORTED, "language/alphabet not supported"),
    59: _named(_BAD_COMMAND, "unexpected data value"),
    60: _named(_MODEM_FAILED, "system failure", Behaviour.MODEM_FAILED),
    61: _named(_BAD_COMMAND, "data missing"),
    62: _named(_BARRED, "call barred"),
    63: _named(_TEMPORARY, "message waiting indication subscription failure"),
    100: _named(BARE, "unknown", Behaviour.UNKNOWN_COMMAND),
    102: _named(_ILLEGAL, "imsi unknown in hss"),
    103: _named(_ILLEGAL, "illegal ms"),
    104: _named(_NO_NETWORK, "imsi unknown in vlr"),
    105: _named(_ILLEGAL, "imei not accepted"),
    106: _named(_ILLEGAL, "illegal me"),
    107: _named(_ILLEGAL, "gprs services not allowed"),
    108: _named(_ILLEGAL, "gprs services and non-gprs services not allowed"),
    109: _named(_NO_NETWORK, "ms identity cannot be derived by the network"),
    110: _named(_NO_NETWORK, "implicitly detached"),
    111: _named(_ILLEGAL, "plmn not allowed"),
    112: _named(_ILLEGAL, "location area not allowed"),
    113: _named(_ILLEGAL, "roaming not allowed in this location area"),
    114: _named(_ILLEGAL, "gprs services not allowed in this plmn"),
    115: _named(_NO_NETWORK, "no suitable cells in location area"),
    132: _named(_UNSUPPORTED, "service option not supported"),
    133: _named(_BARRED, "requested service option not subscribed"),
    134: _named(_TEMPORARY, "service option temporarily out of order"),
    148: _named(_TEMPORARY, "unspecified gprs error"),
    149: _named(_TEMPORARY, "pdp authentication failure"),
    150: _named(_TEMPORARY, "invalid mobile class"),
    258: _named(_BUSY, "retry operation"),
    262: _named(_TEMPORARY, "service not available"),
    515: _named(_BUSY, "please wait, init or command processing in progress", Behaviour.BUSY),
    3517: _named(_TEMPORARY, ""),
}

# Faults that the gateway found itself, before an answer of the modem or without one.
LOCAL: Final[dict[int, Row]] = {
    1: Row(
        "S",
        "device gone",
        "The modem disappeared before the message was handed over: check its cable and power.",
        "Le modem a disparu avant la remise du message : vérifiez son câble et son alimentation.",
    ),
    2: Row(
        "S",
        "no prompt",
        "The modem did not ask for the message in time; it is resynchronised.",
        "Le modem n'a pas demandé le message à temps ; il est resynchronisé.",
    ),
    3: Row(
        "S",
        "not written",
        "The modem stopped taking bytes before the message was complete; it was not sent.",
        "Le modem a cessé de lire avant la fin du message ; il n'a pas été envoyé.",
    ),
    4: Row(
        "C",
        "unencodable",
        "The message could not be written as an SMS: check the recipient's number.",
        "Le message n'a pas pu être écrit sous forme de SMS : vérifiez le numéro du destinataire.",
    ),
    5: Row(
        "M",
        "not kept",
        "The message's place in the modem's memory could not be saved; it is sent again from the start.",
        "L'emplacement du message dans le modem n'a pas pu être conservé ; l'envoi reprend au début.",
    ),
    6: Row(
        "S",
        "still stored",
        "The modem did not send the message from its memory; it is sent again from the start.",
        "Le modem n'a pas envoyé le message qu'il gardait ; l'envoi reprend au début.",
    ),
    7: Row(
        "M",
        "text mode",
        "The modem does not confirm PDU mode (AT+CMGF=0), so nothing was handed to it; it is tried again.",
        "Le modem ne confirme pas le mode PDU (AT+CMGF=0) : rien ne lui a été remis ; nouvel essai à suivre.",
        Behaviour.WRONG_MODE,
    ),
    8: Row(
        "M",
        "withheld",
        "The message was not handed over, because this box may not send it now; it is sent later, or by another box.",
        "Le message n'a pas été remis, car ce boîtier ne peut pas l'envoyer maintenant ; il partira plus tard ou d'un autre boîtier.",
    ),
}

# For codes without a row: 24.011 counts them as 41, 23.040 as 255.
UNNAMED_NETWORK: Final = _TEMPORARY
