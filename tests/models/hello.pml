/* The symmetric HELLO as a model for Spin: what lib/core/handshake.c does with the hellos and the
 * DATA of two peers, over a network that loses, duplicates and swaps, while either side renews its
 * keys, joins anew, or forgets the other and meets it again.
 * SPDX-License-Identifier: MIT
 *
 * Liveness  once losses, renewals and restarts have stopped, both sides hold the same pair of keys,
 *           know it, and send with it (ltl converge).
 * Safety    nobody moves from the previous pair to the present one before the other side can
 *           receive under it (the assertion in move).
 *
 * -DNO_EARLY forbids data before the peer's echo. Each -DBUG_ takes away something that is needed,
 * and must fail: CONFIRMED and its answer (NOCONF), the timer until it has come (NOTIMER), the
 * index that is learnt anew with each echo (NOINDEX), the wait for the echo (NOWAIT). run_spin.sh
 * runs them all. */

#ifndef LOSS
#define LOSS 2
#endif
#ifndef DUPS
#define DUPS 1
#endif
#ifndef SWAPS
#define SWAPS 0
#endif
#ifndef REKEYS
#define REKEYS 1
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef FORGETS
#define FORGETS 0
#endif
#ifndef DATAS
#define DATAS 2
#endif

#define OTHER (1 - me)

/* What a hello says of its sender, and DATA beside. */
#define NEW 0
#define ACCEPTED 1
#define CONFIRMED 2
#define DATA 3
#define STATE (conf[me] -> CONFIRMED : (acc[me] -> ACCEPTED : NEW))

/* enum tr_sending */
#define NONE 0
#define CURRENT 1
#define PREVIOUS 2

/* To peer i: epoch, the sender's f, the receiver's f (hello: echo), what, receive index. A number
 * stands for a key: numbers only grow, as the signed sequence of a hello does. */
chan ch[2] = [2] of { byte, byte, byte, byte, byte };

byte epoch;                /* names the K0 that both rosters agree on */
byte myf[2] = 1;           /* own handshake key */
byte seen[2];              /* the peer's newest valid one, 0 none: the keys of the pair exist */
byte echo[2];              /* the newest echo it came with: orders hellos of one key */
bool acc[2], conf[2];      /* is_accepted, is_confirmed */
byte snd[2];               /* sending */
byte idx[2] = 1, pidx[2];  /* the present pair's index: own, and the peer's (0: not known) */
byte prevf[2], prevp[2];   /* the previous pair, 0 none */
byte previdx[2], prevpidx[2];
byte losses = LOSS, dups = DUPS, swaps = SWAPS, rekeys = REKEYS;
byte restarts = RESTARTS, forgets = FORGETS, datas = DATAS;

inline tx(f, e, what, index) {
  if
  :: losses > 0 -> losses--
  :: nfull(ch[OTHER]) -> ch[OTHER]!epoch, f, e, what, index;
     if
     :: dups > 0 && nfull(ch[OTHER]) -> dups--; ch[OTHER]!epoch, f, e, what, index
     :: true
     fi
  :: full(ch[OTHER]) -> skip                       /* the queue's overflow is a loss like another */
  fi
}

inline say() { tx(myf[me], seen[me], STATE, idx[me]) }

#define CAN_RECEIVE(i, mine, theirs, at) \
  ((seen[i] == theirs && myf[i] == mine && idx[i] == at) || \
   (prevp[i] == theirs && prevf[i] == mine && previdx[i] == at))

/* sending_move */
inline move() {
  if
  :: pidx[me] != 0 && seen[me] != 0 ->
     assert(snd[me] != PREVIOUS || forgets != FORGETS || restarts != RESTARTS ||
            CAN_RECEIVE(OTHER, seen[me], myf[me], pidx[me]));
     snd[me] = CURRENT
  :: else
  fi
}

/* generation_turn */
inline turn() {
  if
  :: acc[me] -> prevf[me] = myf[me]; prevp[me] = seen[me];
     previdx[me] = idx[me]; prevpidx[me] = pidx[me];
     if :: snd[me] == CURRENT -> snd[me] = PREVIOUS :: else fi
  :: else ->
     if :: snd[me] == CURRENT -> snd[me] = NONE :: else fi
  fi;
  idx[me]++; pidx[me] = 0; acc[me] = false; conf[me] = false
}

/* tr_handshake_read after the seal and the signature, then the answer of tr_peer_hello */
inline hello(f, e, state, index) {
  if
  :: f < seen[me] || (f == seen[me] && e < echo[me]) -> skip     /* an older sequence */
  :: else ->
     if
     :: f > seen[me] ->
        if :: seen[me] != 0 -> turn() :: else fi;
        seen[me] = f
     :: else
     fi;
     echo[me] = e;
     if
#ifdef BUG_NOWAIT
     :: true -> pidx[me] = index
#elif defined(BUG_NOINDEX)
     :: pidx[me] == 0 -> pidx[me] = index
#elif defined(NO_EARLY)
     :: e == myf[me] -> pidx[me] = index
#else
     :: e == myf[me] || (e == 0 && snd[me] == NONE) -> pidx[me] = index
#endif
     :: else
     fi;
     if
     :: e != myf[me] ->
#ifdef BUG_NOWAIT
        move();
#elif !defined(NO_EARLY)
        if :: e == 0 && snd[me] == NONE -> move() :: else fi;
#endif
        say()
     :: e == myf[me] ->
        was = acc[me];
        acc[me] = true;
        if :: state != NEW -> conf[me] = true :: else fi;
        if :: snd[me] == NONE || state != NEW -> move() :: else fi;
        if
#ifdef BUG_NOCONF
        :: !was || state == NEW -> say()
#else
        :: !was || state != CONFIRMED -> say()
#endif
        :: else
        fi
     fi
  fi
}

/* tr_handshake_open: DATA under the present pair is as good as a hello that confirms it */
inline open(f, e, index) {
  if
  :: index == idx[me] && f == seen[me] && e == myf[me] ->
     if
     :: pidx[me] != 0 && !(acc[me] && conf[me]) ->
        acc[me] = true; conf[me] = true; move()
     :: else
     fi
  :: else                                         /* under the previous pair, or not to be opened */
  fi
}

proctype Peer(byte me) {
  byte ep, f, e, what, index;
  bool was;
end:
  do
  :: atomic { ch[me]?ep, f, e, what, index ->
       if
       :: ep != epoch -> skip                     /* another K0: the seal does not open */
       :: ep == epoch && what == DATA -> open(f, e, index)
       :: ep == epoch && what != DATA -> hello(f, e, what, index)
       fi;
       ep = 0; f = 0; e = 0; what = 0; index = 0; was = false }

  /* Timers: rounds of hellos, and the hello that completes a handshake. Time passes only while the
   * network is idle, which is the worst case: no second copy comes to help. */
#ifdef BUG_NOTIMER
  :: atomic { !acc[me] && empty(ch[me]) && nfull(ch[OTHER]) -> say() }
#else
  :: atomic { !(acc[me] && conf[me]) && empty(ch[me]) && nfull(ch[OTHER]) -> say() }
#endif

  /* The game sends when it likes, early too. */
  :: atomic { datas > 0 && snd[me] == CURRENT ->
       datas--; tx(myf[me], seen[me], DATA, pidx[me]) }
  :: atomic { datas > 0 && snd[me] == PREVIOUS ->
       datas--; tx(prevf[me], prevp[me], DATA, prevpidx[me]) }

  /* tr_handshake_renew: only a settled side does */
  :: atomic { rekeys > 0 && acc[me] && conf[me] -> rekeys--; turn(); myf[me]++ }

  /* A new join: another e, so another K0; the roster tells the other side, which starts anew. */
  :: atomic { restarts > 0 -> restarts--; epoch++;
       myf[me]++; seen[me] = 0; echo[me] = 0; acc[me] = false; conf[me] = false; snd[me] = NONE;
       idx[me]++; pidx[me] = 0; prevf[me] = 0; prevp[me] = 0; previdx[me] = 0; prevpidx[me] = 0;
       myf[OTHER]++; seen[OTHER] = 0; echo[OTHER] = 0; acc[OTHER] = false; conf[OTHER] = false;
       snd[OTHER] = NONE; idx[OTHER]++; pidx[OTHER] = 0; prevf[OTHER] = 0; prevp[OTHER] = 0;
       previdx[OTHER] = 0; prevpidx[OTHER] = 0 }

  /* The roster lost the other side and names it again under the same epochs: the same K0, but all
   * that was agreed is forgotten here and not there. What is still under way is a replay then. */
  :: atomic { forgets > 0 -> forgets--;
       myf[me]++; seen[me] = 0; echo[me] = 0; acc[me] = false; conf[me] = false; snd[me] = NONE;
       idx[me]++; pidx[me] = 0; prevf[me] = 0; prevp[me] = 0; previdx[me] = 0; prevpidx[me] = 0 }

#if SWAPS > 0
  :: atomic { swaps > 0 && len(ch[me]) == 2 -> swaps--;
       ch[me]?ep, f, e, what, index; ch[me]!ep, f, e, what, index;
       ep = 0; f = 0; e = 0; what = 0; index = 0 }
#endif
  od
}

/* Something always goes on, so that a deadlock is a run without end like any other, and converge
 * speaks of it. */
active proctype Clock() { do :: true -> skip od }

init { atomic { run Peer(0); run Peer(1) } }

ltl converge { <>[] (acc[0] && acc[1] && conf[0] && conf[1] &&
                     myf[0] == seen[1] && myf[1] == seen[0] &&
                     snd[0] == CURRENT && snd[1] == CURRENT &&
                     pidx[0] == idx[1] && pidx[1] == idx[0]) }
