// Go's net package, for tests/bench/echo and fetch; peer.h says what a peer is.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
)

const request = "GET /1k HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: weft-bench\r\n\r\n"

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func wait() {
	os.Stdin.Read(make([]byte, 1))
}

func echo() {
	listening, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	fmt.Println(listening.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listening.Accept()
		must(err)
		go func() {
			defer connection.Close()
			buffer := make([]byte, 512)
			for {
				n, err := connection.Read(buffer)
				if err != nil {
					return
				}
				if _, err := connection.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func fetchOne(address string) int {
	connection, err := net.Dial("tcp4", address)
	must(err)
	defer connection.Close()
	_, err = connection.Write([]byte(request))
	must(err)
	answer, err := io.ReadAll(connection)
	must(err)
	return len(answer)
}

func fetch(port, concurrent, waves int) int {
	total := 0
	counts := make([]int, concurrent)
	for wave := 0; wave < waves; wave++ {
		var group sync.WaitGroup
		group.Add(concurrent)
		for i := range counts {
			go func(i int) {
				defer group.Done()
				counts[i] = fetchOne(fmt.Sprintf("127.0.0.%d:%d", 1+i%4, port))
			}(i)
		}
		group.Wait()
		for _, count := range counts {
			total += count
		}
	}
	return total
}

func number(at int) int {
	n, err := strconv.Atoi(os.Args[at])
	must(err)
	return n
}

func main() {
	if os.Args[1] == "echo" {
		echo()
	}
	port, concurrent, waves := number(2), number(3), number(4)
	fmt.Println(0)
	wait()
	fmt.Println(fetch(port, concurrent, waves))
	wait()
}
