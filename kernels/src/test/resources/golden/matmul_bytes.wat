;; i8dot_matmul k=10 n=8 epilogue=f32,f32,f32;MUL(0,1);ADD(3,2)[SPLAT, VECTOR]
;; mr=2 nr=8 mc=4 nc=8 kc=4 unroll=2 fma=1 order=n
(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1024 funcref))
  (func $k3_2x2_4 (param $step i32) (param $a i32) (param $b i32) (param $c i32) (param $row i32) (param $col i32) (param $batch i32) (param $count i32) (param $phase i32)
    (local $c0_0 v128)
    (local $c0_1 v128)
    (local $c1_0 v128)
    (local $c1_1 v128)
    (local $b_0 v128)
    (local $b_1 v128)
    (local $a_s v128)
    (local $zero v128)
    (local $sums i32)
    (local $e0 i32)
    (local $e_row0 i32)
    (local $e_v0 v128)
    (local $e1 i32)
    (local $e_row1 i32)
    (local $e_v1 v128)
    (local $r3 v128)
    (local $r4 v128)
    i32.const 0
    local.get $step
    i32.load offset=100
    f32.load offset=4
    i32.trunc_sat_f32_s
    i32.sub
    i32x4.splat
    local.set $zero
    local.get $step
    i32.load offset=64
    local.get $col
    i32.const 2
    i32.shl
    i32.add
    local.set $sums
    local.get $sums
    v128.load
    local.get $zero
    i32x4.mul
    local.set $c0_0
    local.get $sums
    v128.load offset=16
    local.get $zero
    i32x4.mul
    local.set $c0_1
    local.get $c0_0
    local.set $c1_0
    local.get $c0_1
    local.set $c1_1
    local.get $b
    v128.load
    local.set $b_0
    local.get $b
    v128.load offset=48
    local.set $b_1
    local.get $a
    v128.load32_splat
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b_1
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    v128.load32_splat offset=12
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c1_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_0
    local.get $b_1
    local.get $a_s
    local.get $c1_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_1
    local.get $b
    v128.load offset=16
    local.set $b_0
    local.get $b
    v128.load offset=64
    local.set $b_1
    local.get $a
    v128.load32_splat offset=4
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b_1
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    v128.load32_splat offset=16
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c1_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_0
    local.get $b_1
    local.get $a_s
    local.get $c1_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_1
    local.get $a
    i32.const 8
    i32.add
    local.set $a
    local.get $b
    i32.const 32
    i32.add
    local.set $b
    local.get $b
    v128.load
    local.set $b_0
    local.get $b
    v128.load offset=48
    local.set $b_1
    local.get $a
    v128.load32_splat
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b_1
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    v128.load32_splat offset=12
    local.set $a_s
    local.get $b_0
    local.get $a_s
    local.get $c1_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_0
    local.get $b_1
    local.get $a_s
    local.get $c1_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c1_1
    local.get $a
    i32.const 4
    i32.add
    local.set $a
    local.get $b
    i32.const 16
    i32.add
    local.set $b
    local.get $c0_0
    f32x4.convert_i32x4_s
    local.set $c0_0
    local.get $c0_1
    f32x4.convert_i32x4_s
    local.set $c0_1
    local.get $c1_0
    f32x4.convert_i32x4_s
    local.set $c1_0
    local.get $c1_1
    f32x4.convert_i32x4_s
    local.set $c1_1
    local.get $step
    i32.load offset=104
    local.set $e_row0
    local.get $step
    i32.load offset=100
    local.get $batch
    local.get $step
    i32.load offset=108
    i32.mul
    i32.add
    local.get $row
    local.get $e_row0
    i32.mul
    i32.add
    local.set $e0
    local.get $step
    i32.load offset=116
    local.set $e_row1
    local.get $step
    i32.load offset=112
    local.get $batch
    local.get $step
    i32.load offset=120
    i32.mul
    i32.add
    local.get $row
    local.get $e_row1
    i32.mul
    i32.add
    local.get $col
    i32.const 2
    i32.shl
    i32.add
    local.set $e1
    local.get $e0
    v128.load32_splat
    local.set $e_v0
    local.get $e1
    v128.load
    local.set $e_v1
    local.get $c0_0
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c0_0
    local.get $e1
    v128.load offset=16
    local.set $e_v1
    local.get $c0_1
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c0_1
    local.get $e0
    local.get $e_row0
    i32.add
    local.set $e0
    local.get $e1
    local.get $e_row1
    i32.add
    local.set $e1
    local.get $e0
    v128.load32_splat
    local.set $e_v0
    local.get $e1
    v128.load
    local.set $e_v1
    local.get $c1_0
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c1_0
    local.get $e1
    v128.load offset=16
    local.set $e_v1
    local.get $c1_1
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c1_1
    local.get $c
    local.get $c0_0
    v128.store
    local.get $c
    local.get $c0_1
    v128.store offset=16
    local.get $c
    local.get $c1_0
    v128.store offset=32
    local.get $c
    local.get $c1_1
    v128.store offset=48
  )
  (func $k3_1x2_4 (param $step i32) (param $a i32) (param $b i32) (param $c i32) (param $row i32) (param $col i32) (param $batch i32) (param $count i32) (param $phase i32)
    (local $c0_0 v128)
    (local $c0_1 v128)
    (local $b_0 v128)
    (local $a_s v128)
    (local $zero v128)
    (local $sums i32)
    (local $e0 i32)
    (local $e_row0 i32)
    (local $e_v0 v128)
    (local $e1 i32)
    (local $e_row1 i32)
    (local $e_v1 v128)
    (local $r3 v128)
    (local $r4 v128)
    i32.const 0
    local.get $step
    i32.load offset=100
    f32.load offset=4
    i32.trunc_sat_f32_s
    i32.sub
    i32x4.splat
    local.set $zero
    local.get $step
    i32.load offset=64
    local.get $col
    i32.const 2
    i32.shl
    i32.add
    local.set $sums
    local.get $sums
    v128.load
    local.get $zero
    i32x4.mul
    local.set $c0_0
    local.get $sums
    v128.load offset=16
    local.get $zero
    i32x4.mul
    local.set $c0_1
    local.get $a
    v128.load32_splat
    local.set $a_s
    local.get $b
    v128.load
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b
    v128.load offset=48
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    v128.load32_splat offset=4
    local.set $a_s
    local.get $b
    v128.load offset=16
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b
    v128.load offset=64
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    i32.const 8
    i32.add
    local.set $a
    local.get $b
    i32.const 32
    i32.add
    local.set $b
    local.get $a
    v128.load32_splat
    local.set $a_s
    local.get $b
    v128.load
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_0
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_0
    local.get $b
    v128.load offset=48
    local.set $b_0
    local.get $b_0
    local.get $a_s
    local.get $c0_1
    i32x4.relaxed_dot_i8x16_i7x16_add_s
    local.set $c0_1
    local.get $a
    i32.const 4
    i32.add
    local.set $a
    local.get $b
    i32.const 16
    i32.add
    local.set $b
    local.get $c0_0
    f32x4.convert_i32x4_s
    local.set $c0_0
    local.get $c0_1
    f32x4.convert_i32x4_s
    local.set $c0_1
    local.get $step
    i32.load offset=104
    local.set $e_row0
    local.get $step
    i32.load offset=100
    local.get $batch
    local.get $step
    i32.load offset=108
    i32.mul
    i32.add
    local.get $row
    local.get $e_row0
    i32.mul
    i32.add
    local.set $e0
    local.get $step
    i32.load offset=116
    local.set $e_row1
    local.get $step
    i32.load offset=112
    local.get $batch
    local.get $step
    i32.load offset=120
    i32.mul
    i32.add
    local.get $row
    local.get $e_row1
    i32.mul
    i32.add
    local.get $col
    i32.const 2
    i32.shl
    i32.add
    local.set $e1
    local.get $e0
    v128.load32_splat
    local.set $e_v0
    local.get $e1
    v128.load
    local.set $e_v1
    local.get $c0_0
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c0_0
    local.get $e1
    v128.load offset=16
    local.set $e_v1
    local.get $c0_1
    local.get $e_v0
    f32x4.mul
    local.set $r3
    local.get $r3
    local.get $e_v1
    f32x4.add
    local.set $r4
    local.get $r4
    local.set $c0_1
    local.get $c
    local.get $c0_0
    v128.store
    local.get $c
    local.get $c0_1
    v128.store offset=16
  )
  (func $k3 (param $step i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $k i32)
    (local $n i32)
    (local $batch i32)
    (local $row i32)
    (local $row_end i32)
    (local $col i32)
    (local $col_start i32)
    (local $col_end i32)
    (local $row_start i32)
    (local $limit i32)
    (local $a i32)
    (local $b i32)
    (local $c i32)
    (local $k_block i32)
    (local $count i32)
    (local $phase i32)
    (local $rest i32)
    i32.const 3
    local.set $k
    i32.const 8
    local.set $n
    local.get $begin
    local.get $end
    i32.lt_s
    if
      loop
        local.get $begin
        local.get $step
        i32.load offset=88
        i32.rem_s
        local.get $step
        i32.load offset=96
        i32.mul
        local.set $col_start
        local.get $begin
        local.get $step
        i32.load offset=88
        i32.div_s
        local.set $rest
        local.get $rest
        local.get $step
        i32.load offset=84
        i32.rem_s
        local.get $step
        i32.load offset=92
        i32.mul
        local.set $row_start
        local.get $rest
        local.get $step
        i32.load offset=84
        i32.div_s
        local.set $batch
        local.get $row_start
        local.get $step
        i32.load offset=92
        i32.add
        local.set $row_end
        local.get $step
        i32.load offset=60
        local.get $row_end
        local.get $step
        i32.load offset=60
        local.get $row_end
        i32.lt_s
        select
        local.set $row_end
        local.get $col_start
        local.get $step
        i32.load offset=96
        i32.add
        local.set $col_end
        local.get $n
        local.get $col_end
        local.get $n
        local.get $col_end
        i32.lt_s
        select
        local.set $col_end
        local.get $step
        i32.load offset=48
        local.get $batch
        local.get $step
        i32.load offset=72
        i32.mul
        i32.add
        local.set $a
        local.get $step
        i32.load offset=52
        local.get $batch
        local.get $step
        i32.load offset=76
        i32.mul
        i32.add
        local.set $b
        local.get $step
        i32.load offset=56
        local.get $batch
        local.get $step
        i32.load offset=80
        i32.mul
        i32.add
        local.set $c
        local.get $k
        local.set $count
        local.get $row_start
        local.set $row
        local.get $row
        i32.const 2
        i32.add
        local.get $row_end
        i32.le_s
        if
          loop
            local.get $col_start
            local.set $col
            local.get $col
            i32.const 8
            i32.add
            local.get $col_end
            i32.le_s
            if
              loop
                local.get $step
                local.get $a
                local.get $row
                local.get $k
                i32.mul
                i32.const 2
                i32.shl
                i32.add
                local.get $b
                local.get $col
                i32.const 12
                i32.mul
                i32.add
                local.get $c
                local.get $row
                local.get $n
                i32.mul
                local.get $col
                i32.add
                i32.const 2
                i32.shl
                i32.add
                local.get $row
                local.get $col
                local.get $batch
                local.get $count
                local.get $phase
                call $k3_2x2_4
                local.get $col
                i32.const 8
                i32.add
                local.tee $col
                i32.const 8
                i32.add
                local.get $col_end
                i32.le_s
                br_if 0
              end
            end
            local.get $row
            i32.const 2
            i32.add
            local.tee $row
            i32.const 2
            i32.add
            local.get $row_end
            i32.le_s
            br_if 0
          end
        end
        local.get $row
        i32.const 1
        i32.add
        local.get $row_end
        i32.le_s
        if
          local.get $col_start
          local.set $col
          local.get $col
          i32.const 8
          i32.add
          local.get $col_end
          i32.le_s
          if
            loop
              local.get $step
              local.get $a
              local.get $row
              local.get $k
              i32.mul
              i32.const 2
              i32.shl
              i32.add
              local.get $b
              local.get $col
              i32.const 12
              i32.mul
              i32.add
              local.get $c
              local.get $row
              local.get $n
              i32.mul
              local.get $col
              i32.add
              i32.const 2
              i32.shl
              i32.add
              local.get $row
              local.get $col
              local.get $batch
              local.get $count
              local.get $phase
              call $k3_1x2_4
              local.get $col
              i32.const 8
              i32.add
              local.tee $col
              i32.const 8
              i32.add
              local.get $col_end
              i32.le_s
              br_if 0
            end
          end
          local.get $row
          i32.const 1
          i32.add
          local.set $row
        end
        local.get $begin
        i32.const 1
        i32.add
        local.tee $begin
        local.get $end
        i32.lt_s
        br_if 0
      end
    end
  )
  (elem (i32.const 3) $k3)
)
