// Judges histories of registers by Porcupine: one history per line of standard input, one verdict per line.
//
// A history is a JSON array of {"client": n, "key": "k", "op": "write"|"read"|"append"|"swap", "value": "v",
// "expected": "v", "output": "v", "call": time, "return": time}, with times in any unit. A swap writes its value where it
// finds what it expects; its output is "swapped" when it did. An operation whose outcome is not known has no "return": it
// may have taken effect at any moment since its call, or never. A read of a key that was never written gives "".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Client   int      `json:"client"`
	Key      string   `json:"key"`
	Op       string   `json:"op"`
	Value    string   `json:"value"`
	Expected string   `json:"expected"`
	Output   string   `json:"output"`
	Call     float64  `json:"call"`
	Return   *float64 `json:"return"`
}

type input struct {
	op       string
	key      string
	value    string
	expected string
	// Whether its outcome is known.
	known bool
}

var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, one := range history {
			key := one.Input.(input).key
			byKey[key] = append(byKey[key], one)
		}
		keys := make([]string, 0, len(byKey))
		for key := range byKey {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		parts := make([][]porcupine.Operation, 0, len(keys))
		for _, key := range keys {
			parts = append(parts, byKey[key])
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		request := in.(input)
		switch request.op {
		case "write":
			return true, request.value
		case "append":
			return true, state.(string) + request.value
		case "swap":
			swaps := state.(string) == request.expected
			if request.known && swaps != (out.(string) == "swapped") {
				return false, state
			}
			if swaps {
				return true, request.value
			}
			return true, state
		default:
			return out.(string) == state.(string), state
		}
	},
}

func judge(line string) (string, error) {
	var given []operation
	if err := json.Unmarshal([]byte(line), &given); err != nil {
		return "", err
	}
	history := make([]porcupine.Operation, 0, len(given))
	for number, one := range given {
		if one.Op != "write" && one.Op != "append" && one.Op != "read" && one.Op != "swap" {
			return "", fmt.Errorf("operation %d is a %q", number, one.Op)
		}
		until := int64(math.MaxInt64)
		client := one.Client
		if one.Return != nil {
			until = int64(*one.Return * 1000)
		} else if one.Op == "read" {
			continue
		} else {
			// The client went on: what it left open is as if another had asked for it.
			client = -1 - number
		}
		history = append(history, porcupine.Operation{
			ClientId: client,
			Input:    input{one.Op, one.Key, one.Value, one.Expected, one.Return != nil},
			Call:     int64(one.Call * 1000),
			Output:   one.Output,
			Return:   until,
		})
	}
	switch porcupine.CheckOperationsTimeout(register, history, time.Minute) {
	case porcupine.Ok:
		return "linearizable", nil
	case porcupine.Illegal:
		return "illegal", nil
	default:
		return "undecided", nil
	}
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			verdict, problem := judge(line)
			if problem != nil {
				fmt.Fprintln(os.Stderr, problem)
				os.Exit(1)
			}
			fmt.Println(verdict)
		}
		if err != nil {
			return
		}
	}
}
